import 'reflect-metadata';
import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { servePages } from './pages/serve-pages.js';
import { PortalModule } from './portal.module.js';
import type { PortalSettings } from './portal.settings.js';
import { PORTAL_SETTINGS } from './portal.tokens.js';

Logger.overrideLogger(['warn', 'error', 'fatal']);
const app = await NestFactory.create<NestExpressApplication>(PortalModule);
servePages(app);
app.enableShutdownHooks();
const { instance, port, host } = app.get<PortalSettings>(PORTAL_SETTINGS);
await app.listen(port, host);
console.log(`Portal ${instance} listens on ${await app.getUrl()}`);
