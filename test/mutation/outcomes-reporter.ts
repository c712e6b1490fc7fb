/** A reporter of node:test: a line of JSON for each test that ran, suites left out. */

interface TestEvent {
  readonly type: string;
  readonly data: { readonly name: string; readonly details?: { readonly type?: string } };
}

export interface Outcome {
  readonly name: string;
  readonly passed: boolean;
}

export default async function* outcomes(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const { type, data } of events) {
    if ((type !== "test:pass" && type !== "test:fail") || data.details?.type === "suite") continue;
    const outcome: Outcome = { name: data.name, passed: type === "test:pass" };
    yield `${JSON.stringify(outcome)}\n`;
  }
}
