/** What users saw and what was kept, in one phase or in all. */
export interface DrillFigures {
  readonly requests: { readonly ok: number; readonly failed: number };
  /** Longest time anybody waited for one answer. */
  readonly longestPauseMs: number;
  /**
   * `lost`: acknowledged (its response had arrived) and gone when the session was read again; `stale`: not there at once,
   * but within three seconds.
   */
  readonly changes: { readonly acknowledged: number; readonly lost: number; readonly stale: number };
  readonly logins: number;
  /** `undone`: acknowledged, and the old cookie was let in later. */
  readonly logouts: { readonly acknowledged: number; readonly undone: number };
}

/** One phase of the drill, its check at the end included. */
export interface DrillPhase extends DrillFigures {
  readonly name: string;
  /** Since the drill began. */
  readonly startedMs: number;
  readonly durationMs: number;
  /** `before`, `after`: as the portal counts them; `expected`: users who are signed in at the end. */
  readonly sessions: { readonly before: number; readonly after: number; readonly expected: number };
  /** Sessions that were read directly from the primary at the end, and how many of them differed from what was acknowledged. */
  readonly readDirectly: { readonly sessions: number; readonly different: number };
}

/** Whether the numbers for operators agree with what the users know. */
export interface DrillAgreementReport {
  /** How many numbers were compared. */
  readonly compared: number;
  /** Those that differed, and when. */
  readonly differences: readonly string[];
}

/** Something that happened, as the drill saw it. */
export interface DrillEvent {
  /** Since the drill began. */
  readonly atMs: number;
  readonly text: string;
}

/** All that the drill found. */
export interface DrillReport {
  readonly passed: boolean;
  /** Why it did not pass; empty when it did. */
  readonly faults: readonly string[];
  /** What would be a fault, but is tolerated. */
  readonly tolerated: readonly string[];
  readonly startedAt: string;
  readonly durationMs: number;
  readonly users: number;
  readonly instances: readonly string[];
  readonly redisVersion: string;
  readonly nodeVersion: string;
  readonly timeline: readonly DrillEvent[];
  readonly phases: readonly DrillPhase[];
  readonly total: DrillFigures;
  /** In a long drill alone. */
  readonly agreement?: DrillAgreementReport;
  /** What went wrong for users, the first few. */
  readonly errors: readonly string[];
}

/** Prints the timeline, a table of the phases and the verdict. */
export function printReport(report: DrillReport, say: (text: string) => void): void {
  const { phases, total } = report;
  say('\nTimeline');
  for (const { atMs, text } of report.timeline) say(`  ${seconds(atMs).padStart(8)}  ${text}`);
  const header = [
    'Phase',
    'requests ok',
    'failed',
    'longest pause',
    'changes',
    'lost',
    'stale',
    'logouts',
    'undone',
    'sessions before → after (expected)',
  ];
  const rows = phases.map((phase) => [
    phase.name,
    ...figures(phase),
    `${phase.sessions.before} → ${phase.sessions.after} (${phase.sessions.expected})`,
  ]);
  const table = [header, ...rows, ['all', ...figures(total), '']];
  const widths = header.map((_, column) => Math.max(...table.map((row) => (row[column] ?? '').length)));
  say('');
  for (const row of table) {
    say(
      `  ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  ')}`,
    );
  }
  if (report.agreement) {
    const { compared, differences } = report.agreement;
    say(
      `\n  ${compared} numbers of monitor, metrics and history compared with what the users know: ${differences.length} differ`,
    );
  }
  for (const error of report.errors) say(`  error: ${error}`);
  for (const text of report.tolerated) say(`\nTolerated for now: ${text}`);
  say(
    report.passed
      ? `\nDrill passed in ${seconds(report.durationMs)}: ${total.requests.ok} requests, none failed; ${total.changes.acknowledged} changes acknowledged, ${total.changes.lost} lost.`
      : `\nDrill FAILED: ${report.faults.join('; ')}`,
  );
}

function figures({ requests, longestPauseMs, changes, logouts }: DrillFigures): string[] {
  return [
    String(requests.ok),
    String(requests.failed),
    `${Math.round(longestPauseMs)} ms`,
    String(changes.acknowledged),
    String(changes.lost),
    String(changes.stale),
    String(logouts.acknowledged),
    String(logouts.undone),
  ];
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
