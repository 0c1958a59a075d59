import { SessionDoctor } from '../session.doctor.js';
import { EXIT_CODE, type ExitCode } from './exit-code.js';
import { readInstallation, withSessions, type InstallationOptions } from './installation.js';
import { writeJson, writeLine, type CommandTerminal } from './terminal.js';

/** `doctor`: the findings; `--json` prints `{ findings: [{ id, severity, what, why, fix }] }`. @internal */
export async function doctor(
  options: InstallationOptions & { readonly json?: boolean | undefined },
  terminal: CommandTerminal,
): Promise<ExitCode> {
  const findings = await withSessions(readInstallation(options, terminal), (app) =>
    app.get(SessionDoctor).examine({ isThorough: true }),
  );
  if (options.json) {
    writeJson(terminal, { findings });
  } else {
    for (const { id, severity, what, why, fix } of findings) {
      writeLine(terminal, `${severity.toUpperCase()} ${id}\n  ${what}\n  ${why}\n  Fix: ${fix}\n`);
    }
    writeLine(terminal, findings.length === 0 ? 'No findings.' : `${findings.length} findings.`);
  }
  if (findings.some(({ id }) => id === 'nothing-reachable')) return EXIT_CODE.UNREACHABLE;
  return findings.some(({ severity }) => severity === 'error') ? EXIT_CODE.FINDINGS : EXIT_CODE.FINE;
}
