import { storedId } from '../core/session-id.js';
import type { SessionChange, StoredSession } from '../core/session-record.js';
import { SEALED_EXTRA, SEALED_FACTOR, SessionCipher } from './field-cipher.js';
import type { FieldKeyRing, FieldKeys } from './field-key-ring.js';
import type { ImportOutcome, OriginMark, SessionImports } from './session-imports.js';
import type {
  CommitOutcome,
  CreateOutcome,
  MoveOutcome,
  SessionCache,
  SessionDirectory,
  SessionEndings,
  SessionLockPlace,
  SessionMove,
  SessionRecords,
  SessionRepository,
  SessionSource,
  StoredState,
  TouchOutcome,
} from './session-repository.js';

/** What is sealed, as it is called in Redis: none opens as another. */
const COOKIE = 'cookie';
const ABOUT = 'about';
/** In place of a text that cannot be opened. It is not JSON, so the session counts as undecodable. */
const FORGED = '';
/** How often a move begins anew because another request has changed the session meanwhile. */
const MAX_MOVE_TRIES = 5;

/** Settings of an encrypted repository. @internal */
export interface EncryptedRepositoryOptions {
  readonly application: string;
  /** Whether texts that were stored without encryption are read. */
  readonly acceptPlaintext: boolean;
}

/**
 * A repository that keeps the texts of sessions sealed: fields, the cookie's attributes, and where a user comes from. Ids, users and
 * times stay readable, since scripts need them. Whoever asks this repository sees plain texts only.
 *
 * @internal
 */
export class EncryptedRepository implements SessionRepository {
  readonly records: SessionRecords;
  readonly directory: SessionDirectory;
  readonly endings: SessionEndings;
  readonly locks: SessionLockPlace;
  readonly imports: SessionImports | undefined;
  readonly cache: SessionCache | undefined;

  constructor(place: SessionRepository, ring: FieldKeyRing, options: EncryptedRepositoryOptions) {
    const seals = new SessionSeals(ring, options);
    this.records = new EncryptedRecords(place.records, seals);
    this.directory = new EncryptedDirectory(place.directory, seals);
    this.endings = place.endings;
    this.locks = place.locks;
    this.imports = place.imports && new EncryptedImports(place.imports, seals);
    this.cache = place.cache;
  }
}

class EncryptedRecords implements SessionRecords {
  constructor(
    private readonly place: SessionRecords,
    private readonly seals: SessionSeals,
  ) {}

  async load(sid: string, signal?: () => AbortSignal): Promise<StoredSession | null> {
    const stored = await this.place.load(sid, signal);
    return stored && this.seals.open(stored);
  }

  async create(sid: string, change: SessionChange, source?: SessionSource): Promise<CreateOutcome> {
    return this.place.create(sid, await this.seals.seal(idOf(sid), change), source);
  }

  async commit(sid: string, change: SessionChange): Promise<CommitOutcome> {
    const sealed = await this.seals.seal(idOf(sid), change);
    const result = await this.place.commit(sid, sealed);
    if (result.outcome !== 'conflict' || !change.expected) return result;
    const expected = await this.asStored(sid, change.expected, result.fields);
    return expected ? this.place.commit(sid, { ...sealed, expected: joined(sealed.expected, expected) }) : result;
  }

  async replace(sid: string, change: SessionChange): Promise<StoredState> {
    return this.place.replace(sid, await this.seals.seal(idOf(sid), change));
  }

  touch(...call: Parameters<SessionRecords['touch']>): Promise<TouchOutcome> {
    return this.place.touch(...call);
  }

  destroy(sid: string): Promise<'destroyed' | 'absent'> {
    return this.place.destroy(sid);
  }

  successorSid(sid: string, fresh: string): string {
    return this.place.successorSid(sid, fresh);
  }

  /** A text opens under its own session's id alone: the successor gets what it keeps sealed anew. */
  async move(sid: string, move: SessionMove): Promise<MoveOutcome> {
    for (let tries = 0; tries < MAX_MOVE_TRIES; tries++) {
      const stored = await this.load(sid);
      if (!stored || stored.isRotated || isForged(stored)) return { outcome: 'gone' };
      const change = await this.seals.seal(idOf(move.to), carriedOver(stored, move));
      const { version = stored.version } = move;
      const result = await this.place.move(sid, { ...move, keep: [], change, version });
      // What has been sealed is what the session was: another request has changed it meanwhile.
      if (result.outcome !== 'changed' || move.version !== undefined) return result;
    }
    return { outcome: 'changed' };
  }

  /**
   * The stored texts of fields that say what is expected and were sealed with a former key, or not at all; `null` when one of them
   * says something else: then somebody has changed it.
   */
  private async asStored(
    sid: string,
    expected: ReadonlyMap<string, string | undefined>,
    names: readonly string[],
  ): Promise<ReadonlyMap<string, string | undefined> | null> {
    const stored = await this.place.load(sid);
    if (!stored) return null;
    const { fields } = await this.seals.open(stored);
    if (names.some((name) => fields.get(name) !== expected.get(name))) return null;
    return new Map(names.map((name) => [name, stored.fields.get(name)]));
  }
}

class EncryptedDirectory implements SessionDirectory {
  constructor(
    private readonly place: SessionDirectory,
    private readonly seals: SessionSeals,
  ) {}

  count(): Promise<number> {
    return this.place.count();
  }

  async *all(): AsyncIterable<StoredSession> {
    for await (const stored of this.place.all()) yield await this.seals.open(stored);
  }

  async listByUser(userId: string): Promise<readonly StoredSession[]> {
    return Promise.all((await this.place.listByUser(userId)).map((stored) => this.seals.open(stored)));
  }

  expire(): Promise<readonly string[]> {
    return this.place.expire();
  }
}

class EncryptedImports implements SessionImports {
  constructor(
    private readonly place: SessionImports,
    private readonly seals: SessionSeals,
  ) {}

  async take(sid: string, change: SessionChange, mark: OriginMark): Promise<ImportOutcome> {
    return this.place.take(sid, await this.seals.seal(idOf(sid), change), mark);
  }

  mark(sid: string, mark: OriginMark): Promise<boolean> {
    return this.place.mark(sid, mark);
  }

  marked(id: string): Promise<string | null> {
    return this.place.marked(id);
  }
}

/** Seals what is to be stored and opens what was. */
class SessionSeals {
  constructor(
    private readonly ring: FieldKeyRing,
    private readonly options: EncryptedRepositoryOptions,
  ) {}

  async seal(id: string, change: SessionChange): Promise<SessionChange> {
    const cipher = this.cipherOf(id, await this.ring.current());
    const sealAll = ([name, text]: readonly [string, string]): [string, string] => [
      name,
      cipher.seal(fieldName(name), text),
    ];
    const { set, remove, cookie, about, expected, length } = change;
    return {
      ...change,
      set: new Map([...set].map(sealAll)),
      cookie: cookie && wrapped(cipher.seal(COOKIE, cookie)),
      about: about && wrapped(cipher.seal(ABOUT, about)),
      expected: expected && sealedExpectations([...set.keys(), ...remove], expected, cipher),
      length: Math.ceil(length * SEALED_FACTOR) + SEALED_EXTRA * set.size,
    };
  }

  async open(stored: StoredSession): Promise<StoredSession> {
    const { session, isKeyUnknown } = this.openWith(await this.ring.current(), stored);
    return isKeyUnknown ? this.openWith(await this.ring.renewed(), stored).session : session;
  }

  private openWith(keys: FieldKeys, stored: StoredSession): { session: StoredSession; isKeyUnknown: boolean } {
    const cipher = this.cipherOf(stored.id, keys);
    let isKeyUnknown = false;
    const open = (name: string, text: string): string => {
      const opened = cipher.open(name, text);
      if (opened.outcome === 'opened') return opened.text;
      isKeyUnknown ||= opened.outcome === 'unknownKey';
      return opened.outcome === 'plain' && this.options.acceptPlaintext ? text : FORGED;
    };
    const fields = new Map(
      [...stored.fields].map(([name, text]): [string, string] => [name, open(fieldName(name), text)]),
    );
    const cookie = stored.cookie === null ? null : open(COOKIE, unwrapped(stored.cookie));
    const about = stored.about === null ? null : open(ABOUT, unwrapped(stored.about));
    return { session: { ...stored, fields, cookie, about: about === FORGED ? null : about }, isKeyUnknown };
  }

  private cipherOf(id: string, keys: FieldKeys): SessionCipher {
    return new SessionCipher(keys, `${this.options.application}\0${id}`);
  }
}

/** The change of a move, with all that the successor keeps of what is stored. */
function carriedOver({ fields, cookie, about }: StoredSession, { keep, change }: SessionMove): SessionChange {
  const kept = [...fields].filter(([name]) => (keep === 'all' || keep.includes(name)) && !change.remove.includes(name));
  return {
    ...change,
    set: new Map([...kept, ...change.set]),
    cookie: change.cookie === undefined ? (cookie ?? undefined) : change.cookie,
    about: change.about ?? about ?? undefined,
  };
}

/** Whether a text of it could not be opened. */
function isForged({ fields, cookie }: StoredSession): boolean {
  return cookie === FORGED || [...fields.values()].includes(FORGED);
}

/** What the fields of a change must hold now, as the first key seals it. */
function sealedExpectations(
  names: readonly string[],
  expected: ReadonlyMap<string, string | undefined>,
  cipher: SessionCipher,
): ReadonlyMap<string, string | undefined> {
  return new Map(
    names.map((name) => {
      const text = expected.get(name);
      return [name, text === undefined ? undefined : cipher.seal(fieldName(name), text)];
    }),
  );
}

function joined(
  all: ReadonlyMap<string, string | undefined> | undefined,
  some: ReadonlyMap<string, string | undefined>,
): ReadonlyMap<string, string | undefined> {
  return new Map([...(all ?? []), ...some]);
}

/** A sealed text in place of a JSON object, which the place may look into. */
function wrapped(sealed: string): string {
  return `{"sealed":"${sealed}"}`;
}

/** The sealed text of an object; one that was stored without encryption is its own text. */
function unwrapped(text: string): string {
  return /^\{"sealed":"(e1:[\w:-]*)"\}$/.exec(text)?.[1] ?? text;
}

/** A field as it is called in Redis: whatever an application calls it, it is neither the cookie nor anything else. */
function fieldName(name: string): string {
  return `d:${name}`;
}

function idOf(sid: string): string {
  return storedId(sid, 1).id;
}
