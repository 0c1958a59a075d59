// @ts-check
/**
 * Compares the public API of the built package with the reviewed reports in etc/, one per entry.
 *
 * `--update` writes them: a change of the API is then seen, and reviewed, in the diff of etc/.
 */
import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './machine.mjs';

const isUpdate = process.argv.includes('--update');
const packagePath = join(root, 'package.json');
const { name, exports: entries } = JSON.parse(readFileSync(packagePath, 'utf8'));
const temporary = mkdtempSync(join(tmpdir(), 'ha-session-api-'));

/** How serious a finding is: `error` fails the check and stays out of the report. */
const ERROR = { logLevel: ExtractorLogLevel.Error, addToApiReportFile: false };
const NONE = { logLevel: ExtractorLogLevel.None, addToApiReportFile: false };

try {
  /** @type {[string, { types?: string }][]} */
  const list = Object.entries(entries);
  for (const [entry, { types }] of list) {
    if (types !== undefined) report(entry, types);
  }
} finally {
  rmSync(temporary, { recursive: true, force: true });
}

/**
 * @param {string} entry as in `exports`: `.`, `./health`
 * @param {string} types its declarations
 */
function report(entry, types) {
  const mainEntryPointFilePath = join(root, types);
  if (!existsSync(mainEntryPointFilePath)) return fail(`${entry}: ${types} is missing; run npm run build`);
  const title = entry === '.' ? name : `${name}.${entry.slice('./'.length)}`;
  const config = ExtractorConfig.prepare({
    configObjectFullPath: undefined,
    packageJsonFullPath: packagePath,
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath,
      compiler: { tsconfigFilePath: join(root, 'tsconfig.build.json') },
      apiReport: {
        enabled: true,
        reportFileName: `${title}.api.md`,
        reportFolder: join(root, 'etc'),
        reportTempFolder: temporary,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      newlineKind: 'lf',
      messages: {
        compilerMessageReporting: { default: ERROR },
        extractorMessageReporting: {
          default: ERROR,
          // Helper types of one file and types of the main entry: seen and reviewed in the report.
          'ae-forgotten-export': { logLevel: ExtractorLogLevel.Warning, addToApiReportFile: true },
          // tools/check-package.mjs does it, and knows inherited comments and overloads.
          'ae-undocumented': NONE,
          // Decorated constructors take internal parts by token; users never call them.
          'ae-incompatible-release-tags': NONE,
        },
        tsdocMessageReporting: { default: ERROR },
      },
    },
  });
  const result = Extractor.invoke(config, {
    localBuild: isUpdate,
    messageCallback(message) {
      message.handled = true;
      if (message.logLevel !== ExtractorLogLevel.Error || message.messageId === 'console-api-report-copied') return;
      const place = message.sourceFilePath ? `${message.sourceFilePath}:${String(message.sourceFileLine)} ` : '';
      fail(`${entry}: ${place}${message.messageId}: ${message.text}`);
    },
  });
  if (result.apiReportChanged && !isUpdate) {
    fail(`${entry}: etc/${title}.api.md is not what the code says; run npm run build && npm run api, review the diff`);
  }
  if (result.apiReportChanged && isUpdate) process.stdout.write(`etc/${title}.api.md written\n`);
}

/** @param {string} message */
function fail(message) {
  process.stdout.write(`${message}\n`);
  process.exitCode = 1;
}
