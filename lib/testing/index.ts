export { SessionTestingModule } from './session-testing.module.js';
export { clearSessions, readSession, signInAs } from './sign-in.js';
export type { SessionTestData, SignedIn } from './sign-in.js';
