import type { Clock } from "../system/clock.ts";
import type { Dataplane } from "./dataplane.ts";
import type { Inability } from "./features.ts";
import { nftablesDataplane } from "./nftables/nftables.ts";

/** What every dataplane is told about where it works. */
export interface DataplaneOptions {
  /** Name of the network namespace to program; null: our own. */
  readonly netns: string | null;
  /** Bits of the connection mark that are ours. */
  readonly ctMarkMask?: number;
  readonly clock?: Clock;
}

/** The upper half: the lower bits are those that others use (kube-proxy, meshes). */
const usualMarkMask = 0xffff0000;

/** Every dataplane there is; the first is the default. A new one is a folder and a line here. */
const dataplanes: readonly {
  readonly name: string;
  readonly open: (options: DataplaneOptions & { readonly ctMarkMask: number }) => Dataplane;
  /** What no kernel helps it to do. What a kernel lacks, `probe` says. */
  readonly cannot: Inability;
}[] = [{ name: "nftables", open: nftablesDataplane, cannot: {} }];

/** What `--dataplane` can be; the first is the default. */
export const dataplaneNames: readonly string[] = dataplanes.map(({ name }) => name);

/** What the dataplane of this name cannot do, with the reasons. */
export function inabilityOf(name: string): Inability {
  return registered(name).cannot;
}

/** The dataplane of this name; touches no kernel yet. Throws on an unknown name, RangeError on a mask of no use. */
export function openDataplane(name: string, options: DataplaneOptions): Dataplane {
  return registered(name).open({ ctMarkMask: usualMarkMask, ...options });
}

function registered(name: string): (typeof dataplanes)[number] {
  const found = dataplanes.find((dataplane) => dataplane.name === name);
  if (found === undefined) throw new Error(`no dataplane ${name}: there are ${dataplaneNames.join(", ")}`);
  return found;
}
