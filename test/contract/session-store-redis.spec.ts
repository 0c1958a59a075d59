import { redisPlaces } from './redis-places.js';
import { describeSessionStore } from './session-store.contract.js';

describeSessionStore('SessionStore on Redis', () => redisPlaces(1));
