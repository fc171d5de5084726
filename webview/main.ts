/**
 * The page's entry: finds out where it stands, builds the road to the gateway, and puts the app into the document.
 *
 * What a host must provide: a document with `<body data-place="sidebar|panel">` (absent = browser), page.css and this
 * script, under a policy as strict as `default-src 'none'; script-src <origin>; style-src <origin>`; in a browser also
 * `connect-src 'self'` and a WebSocket at `channel` beside the page. In VS Code frames come and go as messages.
 */
// The bundler makes page.css of it.
// oxlint-disable-next-line import/no-unassigned-import
import "./page.css";
import { SwitchyardApp } from "./app.ts";
import { Connection } from "./channel/connection.ts";
import { browserHost, windowHost, type Place } from "./channel/host.ts";
import { channelUrl, hideToken, socketRoad } from "./channel/socket-road.ts";
import { windowRoad, type WebviewApi } from "./channel/window-road.ts";
import { defineElements } from "./elements.ts";
import { Session } from "./session.ts";

declare function acquireVsCodeApi(): WebviewApi;

function start(): void {
  defineElements();
  const inWindow = typeof acquireVsCodeApi === "function";
  const api = inWindow ? acquireVsCodeApi() : undefined;
  const named = document.body.dataset["place"];
  const place: Place = named === "sidebar" || named === "panel" ? named : "browser";
  if (!inWindow) document.documentElement.classList.add("in-browser");
  const app = new SwitchyardApp();
  const say = (text: string): void => app.say(text);
  const road = api === undefined ? socketRoad(channelUrl(location)) : windowRoad(api);
  if (api === undefined) hideToken(location, history);
  const connection = new Connection(road, inWindow);
  const session = new Session(connection, () => app.changed());
  app.begin(session, api === undefined ? browserHost(place, say) : windowHost(place, api, connection, say));
  document.body.append(app);
  connection.start();
}

start();
