/** Policies with tiers, valid and nearly so: what the API server refuses we refuse, with its own words. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type FieldPath, fieldErrorText } from "../../src/kube/field-error.ts";
import { allGatesOpen, type FeatureGates } from "../../src/policy/feature-gates.ts";
import { policyKinds } from "../../src/policy/kinds.ts";
import type { PolicyKind } from "../../src/policy/policy.ts";
import type { ApiObject } from "../cluster-of.ts";
import { whySkipped } from "./available.ts";
import { ControlPlane } from "./control-plane.ts";
import { knownDifferences, knownWordings } from "./known-differences.ts";
import { mutatedObjects, type TierKind, tierKinds } from "./mutations.ts";
import { until } from "./process.ts";
import { type Channel, definitionOf } from "./tiers.ts";

const seed = Number(process.env["SEED"] ?? 5);
const countOfKind = Number(process.env["COUNT"] ?? 100);
const channels: readonly { readonly name: Channel; readonly gates: FeatureGates }[] = [
  { name: "experimental", gates: allGatesOpen },
  // What a CRD of this channel does not have is what a shut gate takes away.
  { name: "standard", gates: new Set() },
];

function kindOf(name: string): PolicyKind {
  const found = policyKinds.find(({ kind }) => kind === name);
  assert.ok(found, `${name} is read`);
  return found;
}

const pathOf = ({ apiVersions, resource }: PolicyKind): string => `/apis/${apiVersions[0]}/${resource}`;
const errorsOf = (object: ApiObject, gates: FeatureGates) => kindOf(object.kind).decode(object, gates).errors;

/** What the server says of an object: nothing, or messages as ours, and fields that it does not know. */
interface Said {
  readonly accepted: boolean;
  readonly messages: readonly string[];
  readonly unknown: readonly string[];
}

interface Cause {
  readonly field?: string;
  readonly message: string;
}

async function ask(plane: ControlPlane, object: ApiObject): Promise<Said> {
  const path = `${pathOf(kindOf(object.kind))}?dryRun=All&fieldValidation=Strict`;
  const { status, text } = await plane.api.send("POST", path, JSON.stringify(object));
  if (status < 300) return { accepted: true, messages: [], unknown: [] };
  assert.ok(status === 400 || status === 422, `${status} ${text}`);
  const { message, details } = JSON.parse(text) as { message: string; details?: { causes?: readonly Cause[] } };
  const causes = status === 422 ? (details?.causes ?? []) : [];
  // An error of the whole object has no field, or one that is called nothing.
  const messages = causes.map((cause) => `${(cause.field ?? "") === "" ? "<nil>" : cause.field}: ${cause.message}`);
  const unknown = [...message.matchAll(/unknown field "([^"]*)"/g)].map(([, field = ""]) => field);
  assert.ok(messages.length + unknown.length > 0, text);
  return { accepted: false, messages, unknown };
}

const isKnown = (message: string): boolean => knownDifferences.some(({ ours }) => ours.test(message));
const isWording = (message: string): boolean => knownWordings.some(({ servers }) => servers.test(message));

/** As the server names fields that it does not know. */
const dotted = (path: FieldPath): string =>
  path.map((step, index) => (typeof step === "number" ? `[${step}]` : index === 0 ? step : `.${step}`)).join("");

/** What is said of one object that should not be; empty: nothing. */
function disagreements(object: ApiObject, said: Said, gates: FeatureGates): readonly string[] {
  const errors = errorsOf(object, gates);
  const ours = errors.map(fieldErrorText);
  if (said.accepted) return ours.filter((message) => !isKnown(message)).map((message) => `only we refuse: ${message}`);
  if (ours.length === 0) return [...said.messages, ...said.unknown].map((message) => `only the server: ${message}`);
  const places = errors.map(({ path }) => dotted(path));
  // What stands in something of the wrong type is not looked at: we have refused all of it.
  const isCovered = (field: string): boolean =>
    places.some((place) => field === place || field.startsWith(`${place}.`) || field.startsWith(`${place}[`));
  return [
    ...said.messages.filter((message) => !ours.includes(message) && !isWording(message)),
    ...said.unknown.filter((field) => !isCovered(field)).map((field) => `${field}: unknown field`),
  ].map((message) => `the server says, and we do not: ${message} (we: ${ours.join("; ")})`);
}

for (const { name: channel, gates } of channels) {
  describe(`policies with tiers, ${channel} channel`, { skip: whySkipped() }, () => {
    let plane: ControlPlane;
    before(async () => {
      plane = await ControlPlane.start();
      for (const name of tierKinds) {
        await plane.api.apply(definitionOf(kindOf(name), channel));
      }
      for (const name of tierKinds) {
        const isServed = async (): Promise<true | null> =>
          (await plane.api.send("GET", pathOf(kindOf(name)))).status === 200 ? true : null;
        await until(`${name} is served`, isServed, 60_000);
      }
    });
    after(() => plane.stop());

    const compare = async (kind: TierKind): Promise<void> => {
      const isValid = (object: ApiObject): boolean => errorsOf(object, gates).length === 0;
      const objects = mutatedObjects(kind, isValid, { seed, count: countOfKind });
      const wrong: unknown[] = [];
      const counts = { accepted: 0, refused: 0 };
      for (const object of objects) {
        const said = await ask(plane, object);
        counts[said.accepted ? "accepted" : "refused"] += 1;
        const differences = disagreements(object, said, gates);
        if (differences.length > 0) wrong.push({ differences, object: JSON.stringify(object) });
      }
      assert.deepEqual(wrong, [], `seed ${seed}`);
      const { accepted, refused } = counts;
      assert.ok(accepted > countOfKind / 5 && refused > countOfKind / 5, JSON.stringify(counts));
    };
    for (const kind of tierKinds) {
      it(`${countOfKind} objects of ${kind}: both accept, or both refuse and say so alike`, () => compare(kind));
    }

    it("differ where the page says so, and the server is the one that takes them", async () => {
      for (const { title, ours, example } of knownDifferences) {
        // In the standard channel some of these fields do not exist.
        if (channel === "standard" && /Domain names|Names of ports/.test(title)) continue;
        const said = await ask(plane, example);
        assert.ok(said.accepted, `${title}: ${said.messages.join("; ")}`);
        const errors = errorsOf(example, gates).map(fieldErrorText);
        assert.ok(errors.length > 0 && errors.every((message) => ours.test(message)), `${title}: ${errors.join("; ")}`);
      }
    });
  });
}
