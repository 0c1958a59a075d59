export const PORTAL_SETTINGS = Symbol('portal:settings');
