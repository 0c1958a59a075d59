import type { SessionExamination } from '../../../lib/doctor/session-examination.js';
import type { TimelineEntry } from '../../../lib/monitor/link-timeline.js';
import type { MonitorState } from '../../../lib/monitor/monitor-feed.js';
import type { MonitorSetup } from '../../../lib/monitor/monitor-reads.js';
import type { MonitorSeries } from '../../../lib/monitor/monitor-series.js';
import type { SessionDrillReport } from '../../../lib/redis/link/failover-drill.js';
import type { SessionSummary } from '../../../lib/store/session-summary.js';
import type { SessionCapacity, SessionSnapshot } from '../../../lib/stats/session.stats.js';

export type { TimelineEntry, MonitorState, MonitorSetup, MonitorSeries };

/** What JSON makes of a value. */
type Json<T> = T extends Date ? string : T extends object ? { readonly [K in keyof T]: Json<T[K]> } : T;

/** A session as the page gets it. */
export type UserSession = Json<SessionSummary>;

/** Answers by the names of what is asked for. */
export interface Reads {
  setup: MonitorSetup;
  snapshot: SessionSnapshot;
  history: MonitorSeries;
  capacity: SessionCapacity;
  findings: SessionExamination;
}

/** Answers to what is sent, by name. */
export interface Actions {
  sessions: { readonly sessions: readonly UserSession[] };
  revoke: { readonly ended: number };
  'sign-out': { readonly ended: number };
  'sign-out-all': { readonly ended: number };
  failover: SessionDrillReport;
}
