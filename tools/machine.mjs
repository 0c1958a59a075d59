// @ts-check
/**
 * What the machine must have besides Node, npm and git.
 *
 * Plain Node without any dependency, because this runs before `npm ci` has run. As root on Debian or Ubuntu a missing
 * piece is installed with apt-get (no service is started); elsewhere the caller gets the one command that installs it.
 */
import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** @typedef {{ found: true, path: string } | { found: false, hint: string }} Finding */
/** @typedef {{ debian: string, brew?: string, dnf?: string, pacman?: string, apk?: string }} PackageNames */

/** The repository's folder. */
export const root = fileURLToPath(new URL('..', import.meta.url));

/** Oldest Redis that has what the scripts and the tests use: `GETEX`-era `EXAT`/`PXAT`, `WAIT`, `FAILOVER`, `ROLE`. */
const OLDEST_REDIS = [6, 2];

/**
 * Runs `npm ci` when node_modules is missing or does not hold what package-lock.json says.
 *
 * @returns {Promise<{ installed: boolean }>} whether something had to be installed
 * @throws when `npm ci` fails; its output has been shown
 */
export async function ensureDependencies() {
  const reason = reasonToInstall(root);
  if (reason === undefined) return { installed: false };
  say(`${reason}: running npm ci`);
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const { code } = await run(npm, ['ci', '--include=dev', '--no-audit', '--no-fund'], { cwd: root, show: true });
  if (code !== 0) throw new Error(`npm ci ended with exit code ${String(code)}`);
  return { installed: true };
}

/**
 * Finds redis-server 6.2 or newer, which is also the Sentinel (`redis-server --sentinel`).
 *
 * @returns {Promise<Finding>} its path, or the one command that installs it
 */
export async function ensureRedis() {
  /** @type {PackageNames} */
  const packages = { debian: 'redis-server', brew: 'redis', dnf: 'redis', pacman: 'redis', apk: 'redis' };
  return ensure('redis-server', ['redis-server'], packages, async (path) => {
    const { output } = await run(path, ['--version']);
    const version = /v=(\d+)\.(\d+)/.exec(output);
    if (version === null) return `${path} does not say its version`;
    const [major, minor] = [Number(version[1]), Number(version[2])];
    const [oldestMajor = 0, oldestMinor = 0] = OLDEST_REDIS;
    const isNewEnough = major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
    return isNewEnough ? undefined : `${path} is Redis ${major}.${minor}, needed is ${OLDEST_REDIS.join('.')} or newer`;
  });
}

/**
 * Finds Chromium, which the browser tests drive through playwright-core.
 *
 * @returns {Promise<Finding>} its path, or the one command that installs it
 */
export async function ensureChromium() {
  const names = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];
  /** @type {PackageNames} */
  const packages = {
    debian: 'chromium',
    brew: '--cask chromium',
    dnf: 'chromium',
    pacman: 'chromium',
    apk: 'chromium',
  };
  return ensure('Chromium', names, packages, async (path) => {
    const { code } = await run(path, ['--version']);
    return code === 0 ? undefined : `${path} does not start`;
  });
}

/**
 * Finds Prometheus, which evaluates the alert rules and the dashboard that are shipped.
 *
 * @returns {Promise<Finding>} its path, or the one command that installs it
 */
export async function ensurePrometheus() {
  /** @type {PackageNames} */
  const packages = { debian: 'prometheus', brew: 'prometheus', pacman: 'prometheus', apk: 'prometheus' };
  return ensure('Prometheus', ['prometheus'], packages, async (path) => {
    const { code } = await run(path, ['--version']);
    return code === 0 ? undefined : `${path} does not start`;
  });
}

/**
 * Finds `ip` and `nft`, with which the fault tests cut networks (Linux, as root).
 *
 * @returns {Promise<Finding>} the path of `nft`, or the one command that installs both
 */
export async function ensureNetworkTools() {
  if (process.platform !== 'linux') return { found: false, hint: 'network namespaces exist on Linux only' };
  const ip = await ensure('ip', ['ip'], { debian: 'iproute2', dnf: 'iproute', pacman: 'iproute2', apk: 'iproute2' });
  if (!ip.found) return ip;
  return ensure('nft', ['nft'], { debian: 'nftables', dnf: 'nftables', pacman: 'nftables', apk: 'nftables' });
}

/**
 * Why node_modules does not do for package-lock.json.
 *
 * Compared is npm's own record of what it installed, so nothing is installed twice and a pulled change is noticed.
 *
 * @param {string} folder holds package-lock.json
 * @returns {string | undefined} undefined when nothing has to be installed
 */
export function reasonToInstall(folder) {
  const installedPath = join(folder, 'node_modules', '.package-lock.json');
  if (!existsSync(installedPath)) return 'node_modules is missing';
  /** @type {Record<string, { version?: string, integrity?: string, optional?: boolean, link?: boolean }>} */
  const installed = JSON.parse(readFileSync(installedPath, 'utf8')).packages;
  /** @type {typeof installed} */
  const wanted = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8')).packages;
  for (const [path, entry] of Object.entries(wanted)) {
    if (!path.includes('node_modules/')) continue;
    const present = installed[path];
    // An optional package for another platform is in the lock file but rightly not here.
    if (present === undefined && entry.optional === true) continue;
    if (present === undefined) return `${path} is missing`;
    if (present.version !== entry.version || present.integrity !== entry.integrity) return `${path} is out of date`;
  }
  return undefined;
}

/**
 * Finds a program, installs it where that is ours to do, and finds it again.
 *
 * @param {string} title what a reader calls it
 * @param {readonly string[]} names names of the executable, best first
 * @param {PackageNames} packages what package managers call it
 * @param {(path: string) => Promise<string | undefined>} [fault] what is wrong with the program found
 * @returns {Promise<Finding>}
 */
async function ensure(title, names, packages, fault = () => Promise.resolve(undefined)) {
  const before = await find(title, names, fault);
  if (before.path !== undefined) return { found: true, path: before.path };
  if (!canUseApt()) return { found: false, hint: `${before.problem}; install it: ${installCommand(packages)}` };
  say(`${before.problem}: installing Debian's package ${packages.debian} (no service is started)`);
  const failure = await aptInstall(packages.debian);
  const after = await find(title, names, fault);
  if (after.path !== undefined) return { found: true, path: after.path };
  return { found: false, hint: `${after.problem}; tried: ${installCommand(packages)}${failure ? `\n${failure}` : ''}` };
}

/**
 * @param {string} title
 * @param {readonly string[]} names
 * @param {(path: string) => Promise<string | undefined>} fault
 * @returns {Promise<{ path: string, problem?: undefined } | { path?: undefined, problem: string }>}
 */
async function find(title, names, fault) {
  let problem = `${title} is not installed`;
  for (const path of names.flatMap(onPath)) {
    const found = await fault(path);
    if (found === undefined) return { path };
    problem = found;
  }
  return { problem };
}

/**
 * @param {string} name
 * @returns {string[]} every executable of that name, in the order of PATH; sbin too, which users often lack
 */
function onPath(name) {
  const folders = (process.env['PATH'] ?? '')
    .split(delimiter)
    .concat('/usr/bin', '/usr/sbin', '/sbin', '/usr/local/bin');
  return [...new Set(folders.filter(Boolean))].map((folder) => join(folder, name)).filter(isExecutable);
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function canUseApt() {
  return process.getuid?.() === 0 && isDebian() && onPath('apt-get').length > 0;
}

function isDebian() {
  if (!existsSync('/etc/os-release')) return false;
  return /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(readFileSync('/etc/os-release', 'utf8'));
}

/** @param {PackageNames} packages */
function installCommand(packages) {
  const sudo = process.getuid?.() === 0 ? '' : 'sudo ';
  if (process.platform === 'darwin' && packages.brew) return `brew install ${packages.brew}`;
  if (process.platform === 'win32')
    return `wsl sudo apt-get install -y ${packages.debian} (and run the tests inside WSL)`;
  if (!isDebian()) {
    if (packages.dnf && onPath('dnf').length > 0) return `${sudo}dnf install -y ${packages.dnf}`;
    if (packages.pacman && onPath('pacman').length > 0) return `${sudo}pacman -S --noconfirm ${packages.pacman}`;
    if (packages.apk && onPath('apk').length > 0) return `${sudo}apk add ${packages.apk}`;
  }
  return `${sudo}apt-get update && ${sudo}apt-get install -y ${packages.debian}`;
}

/**
 * Installs one Debian package; its postinst must not start a service.
 *
 * @param {string} name
 * @returns {Promise<string | undefined>} the end of apt-get's output when it failed
 */
async function aptInstall(name) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const options = ['-o', 'DPkg::Lock::Timeout=300', '-o', 'Acquire::Retries=3'];
  const policy = '/usr/sbin/policy-rc.d';
  const isPolicyOurs = !existsSync(policy);
  // 101 = "action forbidden": what invoke-rc.d and deb-systemd-invoke ask before they start anything.
  const cleanUp = () => {
    if (isPolicyOurs) rmSync(policy, { force: true });
  };
  // Left behind, it would keep every later package from starting its service.
  const interrupt = () => process.exit(130);
  process.once('exit', cleanUp).once('SIGINT', interrupt).once('SIGTERM', interrupt);
  if (isPolicyOurs) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    // A failed update (one of several mirrors down, lists locked) does not mean that the install fails.
    await run('apt-get', [...options, 'update', '-q'], { env });
    const install = await run('apt-get', [...options, 'install', '-y', '-q', '--no-install-recommends', name], { env });
    return install.code === 0 ? undefined : install.output.trim().split('\n').slice(-5).join('\n');
  } finally {
    cleanUp();
    process.off('exit', cleanUp).off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, show?: boolean }} [options] `show` passes the output on to the user
 * @returns {Promise<{ code: number | null, output: string }>} never rejects: a program that cannot start has code null
 */
function run(command, args, { cwd, env, show = false } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      ...(cwd === undefined ? {} : { cwd }),
      ...(env === undefined ? {} : { env }),
      stdio: show ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe'],
      // Windows starts .cmd files only through its shell; the arguments are our own constants.
      shell: process.platform === 'win32',
    });
    let output = '';
    child.stdout?.on('data', (/** @type {Buffer} */ chunk) => (output += chunk.toString()));
    child.stderr?.on('data', (/** @type {Buffer} */ chunk) => (output += chunk.toString()));
    child.once('error', (error) => resolve({ code: null, output: output + error.message }));
    child.once('close', (code) => resolve({ code, output }));
  });
}

/** @param {string} message */
function say(message) {
  process.stderr.write(`${message}\n`);
}
