import { Catch, Inject, Injectable } from '@nestjs/common';
import { BaseExceptionFilter, HttpAdapterHost } from '@nestjs/core';

/** For routes that only programs ask: Nest's JSON, whatever the caller says that it accepts. */
@Catch()
@Injectable()
export class JsonExceptionFilter extends BaseExceptionFilter {
  constructor(@Inject(HttpAdapterHost) { httpAdapter }: HttpAdapterHost) {
    super(httpAdapter);
  }
}
