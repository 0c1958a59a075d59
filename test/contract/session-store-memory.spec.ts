import { memoryPlaces } from './memory-places.js';
import { describeSessionStore } from './session-store.contract.js';

describeSessionStore('SessionStore in this process', memoryPlaces);
