import type { SessionLink } from '../core/session-link.js';
import { SessionUnavailableError } from '../errors/session-unavailable.error.js';
import type { RedisKeyLayout } from '../store/redis-key-layout.js';
import { forecastMemory } from './capacity-forecast.js';
import type { WorkerJob } from './installation-worker.js';
import { InstallationRegistry } from './installation-registry.js';
import { SessionCounter } from './session-counts.js';
import { RESOLUTIONS, SessionHistoryKeeper, startOf } from './session-history.js';
import type { SessionHistory, SessionHistoryResolution, SessionMemory, SessionSample } from './session-history.js';
import type { SessionLease } from './session-lease.js';
import { SessionSampler } from './session-sampler.js';
import type { SessionSurvey } from './session-sampler.js';
import type {
  SessionCapacity,
  SessionHistoryRange,
  SessionInstallation,
  SessionPeak,
  SessionSnapshot,
  StatsSource,
} from './session.stats.js';

/** How often the elected instance looks whether a sample is due. @unit milliseconds */
const SAMPLE_PERIOD_MS = 1000;

/** How often some sessions are looked at. @unit milliseconds */
const SURVEY_PERIOD_MS = 5 * 60_000;

/** How long a look at the nodes may take. @unit milliseconds */
const INSPECTION_TIMEOUT_MS = 1000;

/** The numbers of an installation in Redis. @internal */
export class InstallationStats implements StatsSource {
  readonly #counter: SessionCounter;
  readonly #history: SessionHistoryKeeper;
  readonly #sampler: SessionSampler;
  readonly #registry: InstallationRegistry;
  #survey: { readonly atMs: number; readonly survey: SessionSurvey | null } | null = null;
  #sampledMs = -Infinity;

  constructor(
    private readonly link: SessionLink,
    layout: RedisKeyLayout,
    private readonly settings: { readonly application: string; readonly idleTimeoutMs: number },
  ) {
    this.#counter = new SessionCounter(link, layout, settings.idleTimeoutMs);
    this.#history = new SessionHistoryKeeper(link, layout);
    this.#sampler = new SessionSampler(link, layout);
    this.#registry = new InstallationRegistry(link, layout, settings);
  }

  async snapshot(): Promise<SessionSnapshot> {
    const now = this.link.nowMs();
    const { stepMs } = RESOLUTIONS.minutes;
    const [counts, { samples }] = await Promise.all([
      this.#counter.read(),
      this.#history.read('minutes', now - 6 * stepMs, now),
    ]);
    // The present minute's sample is of its beginning: it closes the minute before.
    const latest = samples.findLast((sample) => sample !== null);
    const users = samples.findLast((sample) => sample?.users)?.users ?? null;
    return {
      application: this.settings.application,
      ...counts,
      users,
      lastMinute: latest && now - latest.atMs < 2 * stepMs ? latest.flow : null,
    };
  }

  history(resolution: SessionHistoryResolution, { fromMs, toMs }: SessionHistoryRange): Promise<SessionHistory> {
    return this.#history.read(resolution, fromMs ?? -Infinity, toMs ?? Infinity);
  }

  async capacity(): Promise<SessionCapacity> {
    const [{ usedBytes, maxBytes }, day, quarter] = await Promise.all([
      this.#memory(),
      this.history('minutes', {}),
      this.history('hours', {}),
    ]);
    const sessionBytes = day.samples.findLast((sample) => sample !== null)?.memory.sessionBytes ?? null;
    const memory = { usedBytes, maxBytes, sessionBytes };
    return {
      memory,
      room: roomIn(memory),
      peaks: { day: peakOf(day.samples), quarter: peakOf([...quarter.samples, ...day.samples]) },
      forecast: forecastMemory([...quarter.samples, ...day.samples]),
    };
  }

  installations(): Promise<readonly SessionInstallation[]> {
    return this.#registry.list();
  }

  async installation(application: string): Promise<StatsSource | null> {
    if (application === this.settings.application) return this;
    const place = await this.#registry.find(application);
    if (!place) return null;
    // An installation of an earlier version does not say how long its sessions live: its active ones are counted as with ours.
    const idleTimeoutMs = place.idleTimeoutMs ?? this.settings.idleTimeoutMs;
    return new InstallationStats(this.link, place.layout, { application, idleTimeoutMs });
  }

  jobs(lease: SessionLease): readonly WorkerJob[] {
    return [{ periodMs: SAMPLE_PERIOD_MS, run: () => this.#sample(lease.owner) }];
  }

  /** Takes the sample of this minute, once. */
  async #sample(owner: string): Promise<void> {
    const minuteMs = startOf(this.link.nowMs(), RESOLUTIONS.minutes.stepMs);
    if (minuteMs === this.#sampledMs) return;
    const counts = await this.#counter.read();
    const [survey, memory] = await Promise.all([this.#surveyed(counts.authenticated), this.#memory()]);
    const { users = null, sessionBytes = null } = survey ?? {};
    await this.#history.write(owner, { counts, users, memory: { ...memory, sessionBytes } });
    await this.#registry.announce(counts);
    this.#sampledMs = minuteMs;
  }

  /** A look at some sessions that is recent; `null` when this Redis user may not measure them. */
  async #surveyed(authenticated: number): Promise<SessionSurvey | null> {
    const now = performance.now();
    if (this.#survey && now - this.#survey.atMs < SURVEY_PERIOD_MS) return this.#survey.survey;
    const survey = await this.#sampler.survey(authenticated).catch(noneIfRefused);
    this.#survey = { atMs: now, survey };
    return survey;
  }

  async #memory(): Promise<Omit<SessionMemory, 'sessionBytes'>> {
    const { usedMemoryBytes, maxMemoryBytes } = await this.link.inspect(INSPECTION_TIMEOUT_MS);
    return { usedBytes: usedMemoryBytes, maxBytes: maxMemoryBytes };
  }
}

function noneIfRefused(error: unknown): null {
  if (error instanceof SessionUnavailableError) throw error;
  return null;
}

/** Sessions that still fit. */
function roomIn({ usedBytes, maxBytes, sessionBytes }: SessionMemory): number | null {
  if (usedBytes === null || maxBytes === null || sessionBytes === null) return null;
  return Math.max(0, Math.floor((maxBytes - usedBytes) / sessionBytes));
}

function peakOf(samples: readonly (SessionSample | null)[]): SessionPeak | null {
  let highest: SessionPeak | null = null;
  for (const sample of samples) {
    if (sample && (highest === null || sample.peak > highest.live)) highest = { live: sample.peak, atMs: sample.atMs };
  }
  return highest;
}
