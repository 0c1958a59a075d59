import 'reflect-metadata';
import { Controller, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CurrentSession, type LiveSession, SessionModule } from 'nestjs-ha-session';

declare module 'express-session' {
  interface SessionData {
    visits: number;
  }
}

@Controller()
class VisitController {
  @Get()
  greet(@CurrentSession() session: LiveSession): string {
    session.visits = (session.visits ?? 0) + 1;
    return `Visit number ${session.visits}`;
  }
}

@Module({
  imports: [
    SessionModule.forRoot({
      application: 'quick-start',
      secret: process.env['SESSION_SECRET'] ?? 'for development only',
    }),
  ],
  controllers: [VisitController],
})
class AppModule {}

const app = await NestFactory.create(AppModule);
await app.listen(process.env['PORT'] ?? 3000);
