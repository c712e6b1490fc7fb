import type { Agent } from "./agents.ts";
import type { ControlPlane } from "./control-plane.ts";
import type { HeldObjects } from "./objects-of.ts";

export async function untilEnforced(_agent: Agent, _held: HeldObjects, _plane: ControlPlane): Promise<void> {}
