import { nearPlaces } from './redis-places.js';
import { describeSessionRepository } from './session-repository.contract.js';

describeSessionRepository('RedisSessionRepository behind a near cache', nearPlaces);
