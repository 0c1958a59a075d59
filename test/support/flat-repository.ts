import type {
  SessionDirectory,
  SessionEndings,
  SessionLockPlace,
  SessionRecords,
  SessionRepository,
} from '../../lib/store/session-repository.js';

/** A repository with the methods of all its ports on itself, so that a test reads as a sentence. */
export type FlatRepository = SessionRepository & SessionRecords & SessionEndings & SessionDirectory & SessionLockPlace;

/** Puts the methods of a repository's ports on one object. */
export function flat(repository: SessionRepository): FlatRepository {
  const { records, endings, directory, locks } = repository;
  const methods = [records, endings, directory, locks].flatMap((port) =>
    Object.getOwnPropertyNames(Object.getPrototypeOf(port)).map((name) => {
      const member = (port as unknown as Record<string, unknown>)[name];
      return [name, typeof member === 'function' ? (member.bind(port) as unknown) : member] as const;
    }),
  );
  return Object.assign(Object.fromEntries(methods), {
    records,
    endings,
    directory,
    locks,
    cache: repository.cache,
  }) as unknown as FlatRepository;
}
