import { nearPlaces } from './redis-places.js';
import { describeSessionStore } from './session-store.contract.js';

describeSessionStore('SessionStore behind a near cache', nearPlaces);
