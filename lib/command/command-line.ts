import { cac } from 'cac';
import { SessionConfigurationError } from '../errors/session-configuration.error.js';
import { isSessionError } from '../errors/session.error.js';
import { SessionFailoverError } from '../errors/session-failover.error.js';
import { doctor } from './doctor.command.js';
import { drill, type DrillCommandOptions } from './drill.command.js';
import { EXIT_CODE, UsageError, type ExitCode } from './exit-code.js';
import { explainCookie } from './explain.command.js';
import { VARIABLES, type InstallationOptions } from './installation.js';
import { list, revoke, signOut, type SignOutCommandOptions, type UserOptions } from './session.commands.js';
import { capacity, stats, type StatsOptions } from './stats.commands.js';
import type { CommandTerminal } from './terminal.js';

/**
 * Runs one command line, without the first two words of `process.argv`.
 *
 * @internal
 */
export async function runCommandLine(args: readonly string[], terminal: CommandTerminal): Promise<ExitCode> {
  const { program, running } = describeProgram(terminal);
  try {
    program.parse(['node', 'nestjs-ha-session', ...args], { run: false });
    if (program.options['help']) return EXIT_CODE.FINE;
    if (!program.matchedCommand) {
      program.outputHelp();
      return EXIT_CODE.USAGE;
    }
    program.runMatchedCommand();
    return await running();
  } catch (error) {
    return explain(error, terminal);
  }
}

function describeProgram(terminal: CommandTerminal) {
  let result: Promise<ExitCode> = Promise.resolve(EXIT_CODE.USAGE);
  const program = cac('nestjs-ha-session');
  const start = (command: Promise<ExitCode>): void => {
    // Awaited by `running`; cac itself waits for nothing.
    result = command;
  };
  program
    .option('--redis <url>', `URL of Redis, as the option \`redis\` (or ${VARIABLES.redis})`)
    .option('--application <name>', `The option \`application\` (or ${VARIABLES.application})`)
    .option('--json', 'Print JSON, for other programs');
  program
    .command('doctor', 'Examine the servers and say what to mend')
    .action((options: InstallationOptions & { json?: boolean }) => {
      start(doctor(options, terminal));
    });
  program
    .command('stats', 'Count the live sessions, exactly')
    .option('--watch', 'Again every two seconds, until Ctrl-C')
    .action((options: StatsOptions) => {
      start(stats(options, terminal));
    });
  program
    .command('capacity', 'Show memory, room for further sessions, peaks and the forecast')
    .action((options: InstallationOptions & { json?: boolean }) => {
      start(capacity(options, terminal));
    });
  program
    .command('list', "List a user's live sessions")
    .option('--user <id>', 'The user, as the option `userId` gives them')
    .action((options: UserOptions) => {
      start(list(options, terminal));
    });
  program
    .command('revoke <id>', 'End one session, by the id that `list` prints')
    .action((id: string, options: InstallationOptions & { json?: boolean }) => {
      start(revoke(id, options, terminal));
    });
  program
    .command('signout', 'End all sessions of a user, or of everybody')
    .option('--user <id>', 'The user')
    .option('--all', "Everybody; asks for the application's name")
    .option('--yes', 'With --all: do not ask')
    .action((options: SignOutCommandOptions) => {
      start(signOut(options, terminal));
    });
  program
    .command(
      'explain [cookie]',
      'Say whether a cookie is verified, and what it leads to; without one it is read from the input',
    )
    .action((cookie: string | undefined, options: InstallationOptions & { json?: boolean }) => {
      start(explainCookie(cookie, options, terminal));
    });
  program
    .command('drill', 'Fail over as planned and measure the pause')
    .option('--yes', 'Do not ask')
    .action((options: DrillCommandOptions) => {
      start(drill(options, terminal));
    });
  program.help();
  return { program, running: () => result };
}

/** An error as an operator wants it: one line, and the exit code that says of which kind it is. */
function explain(error: unknown, { errorOutput }: CommandTerminal): ExitCode {
  const message = error instanceof Error ? error.message : String(error);
  errorOutput.write(`nestjs-ha-session: ${message}${causesOf(error)}\n`);
  const isUsage =
    error instanceof UsageError ||
    error instanceof SessionConfigurationError ||
    (error instanceof Error && error.name === 'CACError');
  if (isUsage) errorOutput.write('See: nestjs-ha-session --help\n');
  if (error instanceof SessionFailoverError) return EXIT_CODE.FINDINGS;
  return isUsage || !isSessionError(error) ? EXIT_CODE.USAGE : EXIT_CODE.UNREACHABLE;
}

function causesOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error ? `\n  because: ${cause.message}${causesOf(cause)}` : '';
}
