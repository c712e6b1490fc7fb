import { NFGEN_HEADER, attributesOf, textOf } from "../../../system/netlink/attributes.ts";
import type { Operation } from "../step.ts";

const CHAIN = 2;
const HANDLE = 3;

/** The kernel's handles of the rules of those chains in which rules are replaced: learned once, then kept in step. */
export interface RuleHandles {
  /** The handle of the rule at a place of a chain; asks the kernel where the chain is not known. */
  handleOf(chain: string, index: number): bigint | null;
  /** A rule that the kernel says it made for an operation of the running transaction. */
  echoed(buffer: Buffer, start: number, end: number, operation: number): void;
  /** A transaction took effect. */
  changed(operations: readonly Operation[]): void;
  forgetAll(): void;
}

/** `read`: the handles of a chain's rules, in order, from the kernel. */
export function createRuleHandles(read: (chain: string) => readonly bigint[]): RuleHandles {
  const known = new Map<string, bigint[]>();
  const made = new Map<number, bigint>();

  const handleOf = (chain: string, index: number): bigint | null => {
    let handles = known.get(chain);
    if (handles === undefined) {
      handles = [...read(chain)];
      known.set(chain, handles);
    }
    return handles[index] ?? null;
  };

  const replaced = (operation: Extract<Operation, { kind: "replace-rule" }>, handle: bigint | undefined): void => {
    const handles = known.get(operation.chain);
    if (handle === undefined || handles === undefined) known.delete(operation.chain);
    else handles[operation.index] = handle;
  };

  return {
    handleOf,
    echoed: (buffer, start, end, operation) => {
      const attributes = attributesOf(buffer, { start: start + NFGEN_HEADER, end });
      const handle = attributes.get(HANDLE);
      if (handle !== undefined && textOf(buffer, attributes.get(CHAIN)) !== null) {
        made.set(operation, buffer.readBigUInt64BE(handle.start));
      }
    },
    changed: (operations) => {
      if (known.size > 0) {
        operations.forEach((operation, index) => {
          if (operation.kind === "replace-rule") replaced(operation, made.get(index + 1));
          else if (operation.kind === "add-rule") known.delete(operation.chain);
          else if (operation.kind === "flush-chain" || operation.kind === "delete-chain") known.delete(operation.name);
          else if (operation.kind === "delete-table") known.clear();
        });
      }
      made.clear();
    },
    forgetAll: () => {
      known.clear();
      made.clear();
    },
  };
}
