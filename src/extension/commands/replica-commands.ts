/**
 * Commands about single replicas and about how many there are: drain, readmit, simulate, log, scale.
 * From a row of the Services tree, or from the palette, which asks which. Must not judge: the gateway answers.
 */
import * as vscode from "vscode";
import type { AdminState, EndpointView, ServiceView, Simulation } from "../../contract/services.ts";
import { say, type Window } from "../window.ts";

interface Replica {
  readonly service: string;
  readonly endpoint: EndpointView;
}

export async function setAdmin(window: Window, id: unknown, admin: AdminState): Promise<void> {
  const verb = { Up: "Readmit", Drain: "Drain", Maintenance: "Take out" }[admin];
  const replica = await replicaOf(window, id, `${verb} which replica?`);
  if (replica === undefined) return;
  const { service, endpoint } = replica;
  await window.controller.gateway.setAdmin(service, endpoint.url, admin);
  const done = {
    Up: "gets requests again",
    Drain: `gets no new requests; ${endpoint.inFlight} may end`,
    Maintenance: "is in maintenance: it gets no requests",
  }[admin];
  say(`${service} ${endpoint.label} ${done}.`);
}

export async function simulateDown(window: Window, id: unknown): Promise<void> {
  await simulate(window, id, "down", () => Promise.resolve({ kind: "down" }));
}

export async function simulateLatency(window: Window, id: unknown): Promise<void> {
  await simulate(window, id, "latency", async () => {
    const milliseconds = await wholeNumber("Milliseconds before each attempt reaches the replica", "500", 1, 600_000);
    return milliseconds === undefined ? undefined : { kind: "latency", milliseconds };
  });
}

export async function simulateErrors(window: Window, id: unknown): Promise<void> {
  await simulate(window, id, "errors", async () => {
    const status = await wholeNumber("Status that is answered in its place", "503", 400, 599);
    if (status === undefined) return undefined;
    const percent = await wholeNumber("Per cent of the attempts that get it", "100", 1, 100);
    return percent === undefined ? undefined : { kind: "errors", status, percent };
  });
}

async function simulate(
  window: Window,
  id: unknown,
  what: string,
  choose: () => Promise<Simulation | undefined>,
): Promise<void> {
  const replica = await replicaOf(window, id, `Simulate ${what} on which replica?`);
  if (replica === undefined) return;
  const simulation = await choose();
  if (simulation === undefined) return;
  await window.controller.gateway.simulate(replica.service, replica.endpoint.url, simulation);
  say(`$(beaker) Simulating ${what} on ${replica.service} ${replica.endpoint.label}. It ends with the gateway.`);
}

/** On a row that has one, that one; otherwise all. */
export async function clearSimulations(window: Window, id: unknown): Promise<void> {
  const { gateway } = window.controller;
  const own = window.leaf(id)?.endpoint;
  if (own !== undefined && own.url !== "") await gateway.simulate(own.service, own.url, null);
  else await gateway.clearSimulations();
  say("$(beaker) Nothing is simulated there any more.");
}

export async function openReplicaLog(window: Window, id: unknown): Promise<void> {
  const managed = ({ managed }: EndpointView): boolean => managed === true;
  const none = "Switchyard runs no replicas here: give a service `run` instead of endpoints.";
  const replica = await replicaOf(window, id, "Open the log of which replica?", managed, none);
  if (replica === undefined) return;
  const { service, endpoint } = replica;
  const text = await window.controller.gateway.replicaLog(service, endpoint.url);
  if (text === undefined) return say(`${service} ${endpoint.label} has left; its log is gone.`);
  await window.texts.open(`${service} ${endpoint.label}.log`, "log", text);
}

export async function scale(window: Window, id: unknown): Promise<void> {
  const { services } = await window.controller.gateway.services();
  const service = await serviceOf(window, id, services);
  if (service?.scale === undefined) return;
  const title = `Replicas of ${service.name}`;
  const replicas = await wholeNumber(title, String(service.scale), 1, 32);
  if (replicas === undefined) return;
  await window.controller.gateway.scale(service.name, replicas);
  say(`$(server-process) ${service.name} is to have ${replicas === 1 ? "1 replica" : `${replicas} replicas`}.`);
}

async function serviceOf(
  window: Window,
  id: unknown,
  services: readonly ServiceView[],
): Promise<ServiceView | undefined> {
  const scalable = services.filter((service) => service.scale !== undefined);
  const name = window.leaf(id)?.endpoint?.service;
  if (name !== undefined) return scalable.find((service) => service.name === name);
  if (scalable.length <= 1) {
    if (scalable.length === 0) say("Switchyard runs no replicas here: give a service `run` instead of endpoints.");
    return scalable[0];
  }
  const items = scalable.map((service) => ({ label: service.name, description: `${service.scale} replicas`, service }));
  return (await vscode.window.showQuickPick(items, { title: "Scale which service?" }))?.service;
}

/** Of the row, or chosen. undefined = given up, or there is none. */
async function replicaOf(
  window: Window,
  id: unknown,
  title: string,
  fits: (endpoint: EndpointView) => boolean = () => true,
  none = "The policy has no replicas.",
): Promise<Replica | undefined> {
  const { services } = await window.controller.gateway.services();
  const all = services.flatMap(({ name, endpoints }) =>
    endpoints.filter(fits).map((endpoint) => ({ service: name, endpoint })),
  );
  const own = window.leaf(id)?.endpoint;
  if (own !== undefined && own.url !== "")
    return all.find(({ service, endpoint }) => service === own.service && endpoint.url === own.url);
  if (all.length === 0) {
    say(none);
    return undefined;
  }
  const items = all.map((replica) => ({
    label: `${replica.service} ${replica.endpoint.label}`,
    description: replica.endpoint.sentence,
    replica,
  }));
  return (await vscode.window.showQuickPick(items, { title, matchOnDescription: true }))?.replica;
}

async function wholeNumber(title: string, value: string, least: number, most: number): Promise<number | undefined> {
  const typed = await vscode.window.showInputBox({
    title,
    value,
    prompt: `A whole number from ${least} to ${most}`,
    validateInput: (text) => {
      const number = Number(text);
      return /^\d+$/.test(text.trim()) && number >= least && number <= most
        ? undefined
        : `A whole number from ${least} to ${most}`;
    },
  });
  return typed === undefined ? undefined : Number(typed);
}
