import type { KeyField } from "../statement.ts";

/** nft numbers whole registers of 16 bytes 1-4 and those of 4 bytes from 8; `word` counts words from register 1. */
export function registerAt(word: number): number {
  return word % 4 === 0 ? 1 + word / 4 : 8 + word;
}

/** How many words of register a field takes. */
export const fieldWords: Readonly<Record<KeyField, number>> = {
  client4: 1,
  client6: 4,
  backend4: 1,
  backend6: 4,
  "backend-port": 1,
  source4: 1,
  source6: 4,
  destination4: 1,
  destination6: 4,
  "icmpv6-type": 1,
};
