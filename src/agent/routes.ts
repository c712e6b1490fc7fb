import { metricsContentType } from "../observe/metrics.ts";
import { type Routes, plainText, send } from "./server.ts";
import type { Standing } from "./standing.ts";

/** What readiness, health and metrics are answered from. */
export interface Answers {
  standing(): Standing;
  /** Why the source is not being followed; null: it is. What is in force stays in force. */
  degraded(): string | null;
  /** Why the agent should be restarted; null: it works. */
  illness(): string | null;
  metrics(): Promise<string>;
}

const json = "application/json";

/** What everybody may ask: on the port that a monitoring system and the kubelet reach. */
export function publicRoutes(answers: Answers): Routes {
  return {
    "/healthz": (_query, response) => {
      const illness = answers.illness();
      send(response, illness === null ? 200 : 503, plainText, `${illness ?? "ok"}\n`);
    },
    "/readyz": (_query, response) => {
      const standing = answers.standing();
      // An outage of the API server takes nothing out of force: a rollout must not stop, nor anybody be paged, for it.
      const body = { ...standing, degraded: answers.degraded() };
      send(response, standing.ready ? 200 : 503, json, `${JSON.stringify(body)}\n`);
    },
    "/metrics": async (_query, response) => send(response, 200, metricsContentType, await answers.metrics()),
  };
}
