/**
 * The suite of a window whose folder holds nothing at first: the extension sleeps until a command wakes it, so what it
 * hands to VS Code can be watched from the beginning. The policy is written by the tests.
 */
import { describeAgents } from "./agents.ts";
import { describeActivation } from "./activation.ts";
import { describeCommands } from "./commands.ts";
import { describeGateway } from "./gateway.ts";
import { describeDetection } from "./detection.ts";
import { watchExtension } from "./given.ts";
import { describeLanguage } from "./language.ts";
import { describeLiveEditor } from "./live-editor.ts";
import { describeManifest } from "./manifest.ts";
import { describePolicyTests } from "./policy-tests.ts";
import { person } from "./person.ts";
import { describeStandingIn } from "./standing-in.ts";
import { describeTestFiles } from "./test-files.ts";

watchExtension();
person.sitDown();

describe("Switchyard in the extension host", () => {
  afterEach(() => person.forget());
  // In this order: a hook of a later one would wake the extension.
  describe("activation", describeActivation);
  describe("detection", describeDetection);
  describe("manifest", describeManifest);
  describe("language", describeLanguage);
  describe("policy test files", describeTestFiles);
  describe("gateway", describeGateway);
  describe("commands", describeCommands);
  describe("standing in", describeStandingIn);
  describe("policy tests", describePolicyTests);
  describe("live editor", describeLiveEditor);
  describe("agents", describeAgents);
});
