/**
 * Names every element of the page, once. They are made here rather than where they are declared, so that importing
 * a part for its types or words does not register anything.
 */
import { SwitchyardApp } from "./app.ts";
import { AnalyticsArea } from "./areas/analytics-view.ts";
import { CacheArea } from "./areas/cache-view.ts";
import { LimitGauge } from "./areas/limit-gauge.ts";
import { LimitsArea } from "./areas/limits-view.ts";
import { ServicesArea } from "./areas/services-view.ts";
import { BodyTab } from "./detail/body-tab.ts";
import { RequestDetail } from "./detail/request-detail.ts";
import { FilterBox } from "./traffic/filter-box.ts";
import { TrafficTable } from "./traffic/traffic-table.ts";

const ELEMENTS: Readonly<Record<string, CustomElementConstructor>> = {
  "analytics-area": AnalyticsArea,
  "body-tab": BodyTab,
  "cache-area": CacheArea,
  "filter-box": FilterBox,
  "limit-gauge": LimitGauge,
  "limits-area": LimitsArea,
  "request-detail": RequestDetail,
  "services-area": ServicesArea,
  "switchyard-app": SwitchyardApp,
  "traffic-table": TrafficTable,
};

/** May be called again: a webview that is moved evaluates its script anew. */
export function defineElements(): void {
  for (const [name, element] of Object.entries(ELEMENTS))
    if (customElements.get(name) === undefined) customElements.define(name, element);
}
