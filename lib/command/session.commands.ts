import { SessionService } from '../session.service.js';
import type { SessionSummary } from '../store/session-summary.js';
import { EXIT_CODE, UsageError, type ExitCode } from './exit-code.js';
import { readInstallation, withSessions, type InstallationOptions } from './installation.js';
import { isTyped, writeJson, writeLine, writeTable, type CommandTerminal } from './terminal.js';

/** Options of the commands about one user's sessions. @internal */
export interface UserOptions extends InstallationOptions {
  /** cac reads digits as a number. */
  readonly user?: string | number | undefined;
  readonly json?: boolean | undefined;
}

/** `list --user`: their live sessions, oldest first. @internal */
export async function list(options: UserOptions, terminal: CommandTerminal): Promise<ExitCode> {
  const user = requireUser(options);
  const installation = readInstallation(options, terminal);
  const sessions = await withSessions(installation, (app) => app.get(SessionService).list(user));
  if (options.json) {
    writeJson(terminal, { application: installation.application, user, sessions: sessions.map(toJson) });
  } else {
    const rows = sessions.map(({ id, createdAt, seenAt, expiresAt, about }) => [
      id,
      createdAt.toISOString(),
      seenAt.toISOString(),
      expiresAt.toISOString(),
      Object.entries(about)
        .map(([name, value]) => `${name}: ${value}`)
        .join(', '),
    ]);
    writeTable(terminal, [['id', 'created', 'last seen', 'expires', 'about'], ...rows]);
    writeLine(terminal, `${sessions.length} live ${sessions.length === 1 ? 'session' : 'sessions'}.`);
  }
  return EXIT_CODE.FINE;
}

/** `revoke <id>`: ends one session by its stored id. @internal */
export async function revoke(
  id: string,
  options: InstallationOptions & { readonly json?: boolean | undefined },
  terminal: CommandTerminal,
): Promise<ExitCode> {
  const hasEnded = await withSessions(readInstallation(options, terminal), (app) =>
    app.get(SessionService).revoke(id, { ofAnyUser: true }),
  );
  if (options.json) writeJson(terminal, { id, ended: hasEnded });
  else writeLine(terminal, hasEnded ? 'The session has ended.' : 'There is no such session.');
  return hasEnded ? EXIT_CODE.FINE : EXIT_CODE.FINDINGS;
}

/** Options of `signout`. @internal */
export interface SignOutCommandOptions extends UserOptions {
  readonly all?: boolean | undefined;
  readonly yes?: boolean | undefined;
}

/** `signout --user`, or `signout --all` after the application's name was typed. @internal */
export async function signOut(options: SignOutCommandOptions, terminal: CommandTerminal): Promise<ExitCode> {
  if (options.all === (options.user !== undefined)) {
    throw new UsageError('Give either --user ID or --all.');
  }
  const installation = readInstallation(options, terminal);
  const { application } = installation;
  if (options.all && !options.yes) {
    const question = `This signs every user of "${application}" out. Type the application's name to go on:`;
    if (!(await isTyped(terminal, question, application))) {
      writeLine(terminal, 'Nothing was done.');
      return EXIT_CODE.USAGE;
    }
  }
  const ended = await withSessions(installation, (app) =>
    options.all
      ? app.get(SessionService).signOutAll()
      : app.get(SessionService).signOutEverywhere(requireUser(options)),
  );
  if (options.json) writeJson(terminal, { application, ended });
  else writeLine(terminal, `${ended} ${ended === 1 ? 'session has' : 'sessions have'} ended.`);
  return EXIT_CODE.FINE;
}

function requireUser({ user }: UserOptions): string {
  if (user === undefined || String(user) === '') throw new UsageError('Give the user: --user ID.');
  return String(user);
}

function toJson({ isCurrent: _isCurrent, ...session }: SessionSummary): object {
  return session;
}
