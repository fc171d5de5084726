import assert from "node:assert/strict";
import { requireGroups } from "./requireGroups.ts";
import { passageOf, problemsOf, Trial } from "./trial.fixture.ts";

describe("requireGroups", () => {
  const caller = (groups: readonly string[], jwt?: Record<string, unknown>) =>
    passageOf({ caller: { consumer: "mobile", label: "mobile", groups, ...(jwt && { jwt }) } });

  it("counts the consumer's groups and those of the claim", () => {
    const trial = new Trial(requireGroups, "{ all: [staff], any: [eu, us], claim: realm.roles }");
    assert.equal(trial.peek(caller(["staff", "eu"])).reason, "");
    assert.equal(trial.peek(caller(["staff"], { realm: { roles: ["us"] } })).reason, "");
    assert.equal(trial.peek(caller(["eu"])).sentence, "mobile is in eu; staff is needed");
    assert.equal(
      trial.peek(caller(["staff"], { realm: { roles: 7 } })).sentence,
      "mobile is in staff; one of eu, us is needed",
    );
  });

  it("offers to allow a group that the caller is in", () => {
    const { fixes, status } = new Trial(requireGroups, "{ any: [partner] }").peek(caller(["first-party"]));
    assert.equal(status, 403);
    assert.deepEqual(fixes, [
      { title: "Allow the group first-party", path: ["any"], value: ["partner", "first-party"] },
    ]);
  });

  it("admits nobody who is not known", () => {
    assert.equal(new Trial(requireGroups, "{ any: [a] }").peek(passageOf()).reason, "nobody");
    assert.equal(problemsOf(requireGroups, "{ claim: roles }").length, 1);
  });
});
