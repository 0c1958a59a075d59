import { encryptedPlaces } from './encrypted-places.js';
import { describeSessionStore } from './session-store.contract.js';

describeSessionStore('SessionStore with encryption', encryptedPlaces);
