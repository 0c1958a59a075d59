import type { SessionLink } from '../core/session-link.js';
import { SESSION_LINK, SESSION_OPTIONS } from '../core/session.tokens.js';
import type { ResolvedSessionOptions } from '../options/resolved-session.options.js';
import { drillFailover } from '../redis/link/failover-drill.js';
import { EXIT_CODE, UsageError, type ExitCode } from './exit-code.js';
import { readInstallation, withSessions, type InstallationOptions } from './installation.js';
import { isTyped, writeJson, writeLine, writeTable, type CommandTerminal } from './terminal.js';

/** Options of `drill`. @internal */
export interface DrillCommandOptions extends InstallationOptions {
  readonly json?: boolean | undefined;
  readonly yes?: boolean | undefined;
}

/** `drill`: a planned failover after the application's name was typed, and its pause. @internal */
export async function drill(options: DrillCommandOptions, terminal: CommandTerminal): Promise<ExitCode> {
  const installation = readInstallation(options, terminal);
  const { application } = installation;
  if (!options.yes) {
    const question = `Requests of "${application}" wait while a replica is promoted. Type the application's name to go on:`;
    if (!(await isTyped(terminal, question, application))) {
      writeLine(terminal, 'Nothing was done.');
      return EXIT_CODE.USAGE;
    }
  }
  // Progress goes to the error output: programs read the result from the other one.
  if (!options.json) writeLine(terminal, 'Failing over …');
  const report = await withSessions(installation, (app) => {
    const { redis } = app.get<ResolvedSessionOptions>(SESSION_OPTIONS);
    const link = app.get<SessionLink | null>(SESSION_LINK);
    if (!redis || !link) throw new UsageError('The sessions do not live in Redis.');
    return drillFailover(link, redis);
  });
  const { from, to, sentinel, pauseMs, acknowledged, failed } = report;
  if (options.json) {
    writeJson(terminal, { application, from, to, sentinel, pauseMs, acknowledged, failed });
  } else {
    writeTable(terminal, [
      ['primary before', from ?? 'none'],
      ['primary now', to],
      ['asked', sentinel],
      ['pause', `${pauseMs} ms without an acknowledged change`],
      ['changes', `${acknowledged} acknowledged, ${failed} given up`],
    ]);
  }
  return EXIT_CODE.FINE;
}
