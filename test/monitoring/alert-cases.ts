/** For each alert: time series with which it fires, and ones with which it must not. promtool's notation. */
export interface AlertCase {
  readonly alert: string;
  /** When it has to fire by, in minutes. */
  readonly minutes: number;
  readonly fires: Readonly<Record<string, string>>;
  readonly quiet: Readonly<Record<string, string>>;
}

const agent = 'instance="10.0.0.1:9080",job="portcullis/agent"';
const other = 'instance="10.0.0.2:9080",job="portcullis/agent"';

/** Buckets of a histogram of which 10 observations a minute fall below each bound, all told. */
function buckets(name: string, perBound: Readonly<Record<string, number>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(perBound).map(([bound, rate]) => [`${name}{${agent},le="${bound}"}`, `0+${rate}x120`]),
  );
}

const latency = "portcullis_enforcement_latency_seconds_bucket";
const apiLatency = "portcullis_api_enforcement_latency_seconds_bucket";
const denied = `portcullis_denied_packets_total{${agent},direction="ingress"}`;
const failures = `portcullis_operation_failures_total{${agent},operation="apply"}`;
const lost = `portcullis_drop_log_lost_packets_total{${agent}}`;
const audit = `portcullis_audit_packets_total{${agent},direction="egress",verdict="deny"}`;
const watchFailures = `portcullis_source_watch_failures_total{${agent},resource="pods"}`;
const build = (where: string, version: string) => `portcullis_build_info{${where},version="${version}"}`;

/** Late answers as told, nothing else left out. */
const namesLeftOut = (late: string): Readonly<Record<string, string>> => ({
  [`portcullis_dns_over_limit_total{${agent},limit="name"}`]: "0x120",
  [`portcullis_dns_over_limit_total{${agent},limit="pod"}`]: "0x120",
  [`portcullis_dns_refused_addresses_total{${agent}}`]: "0x120",
  [`portcullis_dns_late_answers_total{${agent}}`]: late,
  [`portcullis_dns_unseen_packets_total{${agent}}`]: "0x120",
});

export const alertCases: readonly AlertCase[] = [
  {
    alert: "PortcullisAgentDown",
    minutes: 10,
    fires: { [`up{${agent}}`]: "0x120" },
    quiet: { [`up{${agent}}`]: "0 0 0 1x120", 'up{job="somebody"}': "0x120" },
  },
  {
    alert: "PortcullisNotReady",
    minutes: 10,
    fires: { [`portcullis_ready{${agent}}`]: "0x120" },
    quiet: { [`portcullis_ready{${agent}}`]: "0 0 1x120" },
  },
  {
    alert: "PortcullisSourceDegraded",
    minutes: 15,
    fires: { [`portcullis_source_degraded{${agent}}`]: "1x120" },
    quiet: { [`portcullis_source_degraded{${agent}}`]: "1 1 1 1 1 0x120" },
  },
  {
    alert: "PortcullisKernelRefuses",
    minutes: 30,
    fires: { [failures]: "0+1x120" },
    quiet: { [failures]: "0 1 2 2x120" },
  },
  {
    alert: "PortcullisDriftRepaired",
    minutes: 30,
    fires: { [`portcullis_repairs_total{${agent}}`]: "0x5 3x5 6x5 9x120" },
    quiet: { [`portcullis_repairs_total{${agent}}`]: "0x5 30x120" },
  },
  {
    alert: "PortcullisPolicyErrors",
    minutes: 20,
    fires: { [`portcullis_policies{${agent},state="invalid"}`]: "2x120" },
    quiet: {
      [`portcullis_policies{${agent},state="invalid"}`]: "0x120",
      [`portcullis_policies{${agent},state="audit"}`]: "3x120",
    },
  },
  {
    alert: "PortcullisEnforcementSlow",
    minutes: 40,
    fires: buckets(latency, { "0.1": 9, "1": 9, "5": 10, "+Inf": 10 }),
    quiet: buckets(latency, { "0.1": 999, "1": 1000, "5": 1000, "+Inf": 1000 }),
  },
  {
    alert: "PortcullisEnforcementLags",
    minutes: 10,
    fires: { [`portcullis_enforcement_lag_seconds{${agent}}`]: "0 0 70+60x120" },
    quiet: { [`portcullis_enforcement_lag_seconds{${agent}}`]: "0 20 50 0x120" },
  },
  {
    alert: "PortcullisDeniedSpike",
    minutes: 100,
    fires: { [denied]: "0+60x85 10000+6000x40" },
    quiet: { [denied]: "0+6000x120" },
  },
  {
    alert: "PortcullisAuditWouldDeny",
    minutes: 30,
    fires: { [audit]: "0x10 1+1x120" },
    quiet: { [audit]: "5x120" },
  },
  {
    alert: "PortcullisWatchFails",
    minutes: 60,
    fires: { [watchFailures]: "0+1x120" },
    quiet: { [watchFailures]: "0 1 2 3 4 5 5x120" },
  },
  {
    alert: "PortcullisWatchLags",
    minutes: 60,
    fires: buckets(apiLatency, { "10": 8, "30": 9, "60": 10, "+Inf": 10 }),
    quiet: buckets(apiLatency, { "1": 990, "30": 1000, "60": 1000, "+Inf": 1000 }),
  },
  {
    alert: "PortcullisDropLogLoses",
    minutes: 40,
    fires: { [lost]: "0+5x120" },
    quiet: { [lost]: "7x120" },
  },
  {
    alert: "PortcullisNamesNotLearned",
    minutes: 10,
    fires: { [`portcullis_dns_patterns{${agent}}`]: "3x60", [`portcullis_dns_listening{${agent}}`]: "0x60" },
    quiet: { [`portcullis_dns_patterns{${agent}}`]: "0x60", [`portcullis_dns_listening{${agent}}`]: "0x60" },
  },
  {
    alert: "PortcullisNamesIncomplete",
    minutes: 60,
    fires: namesLeftOut("0+1x120"),
    quiet: namesLeftOut("5x120"),
  },
  {
    alert: "PortcullisVersionSkew",
    minutes: 400,
    fires: { [build(agent, "1.0")]: "1x500", [build(other, "1.1")]: "1x500" },
    quiet: { [build(agent, "1.0")]: "1x500", [build(other, "1.0")]: "1x500" },
  },
];
