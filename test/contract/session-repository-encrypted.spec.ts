import { encryptedPlaces } from './encrypted-places.js';
import { describeSessionRepository } from './session-repository.contract.js';

describeSessionRepository('RedisSessionRepository with encryption', encryptedPlaces);
