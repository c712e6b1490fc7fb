import assert from "node:assert/strict";
import type { Agent } from "./agents.ts";
import { until } from "./process.ts";

const patience = 90_000;

/** Waits until the agent says that it does not see changes, or that it does. An outage is told only after some seconds. */
export async function untilSighted(agent: Agent, sighted: boolean): Promise<void> {
  const isSo = async (): Promise<true | null> => {
    const connected = await agent.metric("portcullis_source_connected");
    const readiness = await agent.readiness();
    return connected === (sighted ? 1 : 0) && (readiness?.degraded === null) === sighted ? true : null;
  };
  await until(`${agent.node} ${sighted ? "sees" : "does not see"} changes`, isSo, patience, [agent.process]);
}

/** It is ready whatever the API server does: what is known is enforced. */
export async function assertReady(agent: Agent): Promise<void> {
  const readiness = await agent.readiness();
  assert.equal(readiness?.status, 200, JSON.stringify(readiness));
  assert.equal(readiness.ready, true);
}
