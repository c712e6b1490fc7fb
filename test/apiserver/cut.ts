/**
 * Cuts the way between an agent and the API server, in silence: nothing is refused, nothing arrives. Each agent knows the
 * API server under an address of its own, and all of this is in a network namespace of the suites' own (run.ts).
 */
import { outputOf } from "../../src/system/program.ts";

const table = "inet portcullis_test_cut";

/** From now on no packet to or from this address of the API server arrives. */
export function cut(serverAddress: string): void {
  if (process.env["PORTCULLIS_CONTAINED"] !== "1") throw new Error("not in a network namespace of our own");
  const rules = `table ${table} {
    chain input {
      type filter hook input priority 0
      ip daddr ${serverAddress} drop
      ip saddr ${serverAddress} drop
    }
  }
  `;
  outputOf("nft", ["-f", "-"], rules);
}

/** Takes away all cuts. */
export function heal(): void {
  outputOf("nft", ["-f", "-"], `table ${table}\ndelete table ${table}\n`);
}
