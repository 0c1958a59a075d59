import { memoryPlaces } from './memory-places.js';
import { describeSessionRepository } from './session-repository.contract.js';

describeSessionRepository('MemorySessionRepository', memoryPlaces);
