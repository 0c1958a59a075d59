import { nearPlaces } from './redis-places.js';
import { describeSessionLineage } from './session-lineage.contract.js';
import { describeSessionRepository } from './session-repository.contract.js';

describeSessionRepository('RedisSessionRepository behind a near cache', nearPlaces);
describeSessionLineage('RedisSessionRepository behind a near cache', nearPlaces);
