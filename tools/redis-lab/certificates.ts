import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeTemporaryDirectory } from './child-processes.js';

/** A certificate authority of the lab and one server certificate that it signed, for all the given names. */
export interface LabCertificates {
  /** PEM text, for clients. */
  readonly ca: string;
  /** Lines of `redis.conf` that make a server or Sentinel use them, to clients and to each other. */
  readonly config: readonly string[];
  remove(): void;
}

/** Makes certificates that are valid for a day. @param hosts - IP addresses beside 127.0.0.1 */
export function makeCertificates(hosts: readonly string[] = []): LabCertificates {
  const directory = makeTemporaryDirectory('tls');
  const file = (name: string) => join(directory.path, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: directory.path, stdio: 'pipe' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'];
  openssl('req', '-x509', ...newKey, '-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=redis-lab CA');
  const names = ['DNS:localhost', 'IP:127.0.0.1', ...hosts.map((host) => `IP:${host}`)].join(',');
  writeFileSync(file('names.cnf'), `subjectAltName=${names}\n`);
  openssl('req', ...newKey, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=redis-lab server');
  openssl(
    'x509',
    '-req',
    '-in',
    'server.csr',
    '-CA',
    'ca.crt',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-days',
    '1',
    '-extfile',
    'names.cnf',
    '-out',
    'server.crt',
  );
  return {
    ca: readFileSync(file('ca.crt'), 'utf8'),
    config: [
      `tls-cert-file ${file('server.crt')}`,
      `tls-key-file ${file('server.key')}`,
      `tls-ca-cert-file ${file('ca.crt')}`,
      'tls-auth-clients no',
      'tls-replication yes',
    ],
    remove: () => directory.remove(),
  };
}
