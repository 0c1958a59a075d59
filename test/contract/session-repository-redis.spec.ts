import { redisPlaces } from './redis-places.js';
import { describeSessionRepository } from './session-repository.contract.js';

describeSessionRepository('RedisSessionRepository in one slot', () => redisPlaces(1));
describeSessionRepository('RedisSessionRepository in many slots', () => redisPlaces(16));
