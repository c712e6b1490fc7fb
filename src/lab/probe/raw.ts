import { familyOf, type Address } from "../../net/address.ts";

/** What stands in a probe of a protocol that has no ports and no format of ours: a question and its answer. */
const question = "portcullis?";
const answer = "portcullis!";

export function questionPayload(nonce: number): Buffer {
  return Buffer.from(`${question}${nonce}`);
}

/** The answer to a question; null for anything else. */
export function answerPayload(payload: Buffer): Buffer | null {
  const text = payload.toString("latin1");
  return text.startsWith(question) ? Buffer.from(`${answer}${text.slice(question.length)}`) : null;
}

export function isAnswer(payload: Buffer, nonce: number): boolean {
  return payload.toString("latin1") === `${answer}${nonce}`;
}

/** What a raw socket read, without the IP header: IPv4 gives it, IPv6 does not. */
export function withoutIpHeader(address: Address, bytes: Buffer): Buffer {
  return familyOf(address) === 4 ? bytes.subarray(((bytes[0] ?? 0) & 0x0f) * 4) : bytes;
}
