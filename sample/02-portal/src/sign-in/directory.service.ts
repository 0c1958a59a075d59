import { Injectable } from '@nestjs/common';

export type PortalRole = 'buyer' | 'administrator';

export interface PortalUser {
  readonly id: string;
  readonly name: string;
  readonly department: string;
  readonly role: PortalRole;
}

export const DEMO_PASSWORD = 'portal';

export const DEMO_USERS: readonly PortalUser[] = [
  { id: 'ada', name: 'Ada Lindqvist', department: 'Plant maintenance', role: 'buyer' },
  { id: 'ben', name: 'Ben Okafor', department: 'Facilities', role: 'buyer' },
  { id: 'chloe', name: 'Chloé Martin', department: 'Laboratory', role: 'buyer' },
  { id: 'devika', name: 'Devika Rao', department: 'Information technology', role: 'administrator' },
];

/** Stands for the company's directory: a real portal would ask LDAP or an OpenID provider here. */
@Injectable()
export class DirectoryService {
  authenticate(id: string, password: string): PortalUser | undefined {
    return password === DEMO_PASSWORD ? DEMO_USERS.find((user) => user.id === id) : undefined;
  }
}
