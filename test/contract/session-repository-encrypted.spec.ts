import { encryptedPlaces } from './encrypted-places.js';
import { describeSessionLineage } from './session-lineage.contract.js';
import { describeSessionRepository } from './session-repository.contract.js';

describeSessionRepository('RedisSessionRepository with encryption', encryptedPlaces);
describeSessionLineage('RedisSessionRepository with encryption', encryptedPlaces);
