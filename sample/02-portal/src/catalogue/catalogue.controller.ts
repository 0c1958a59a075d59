import { Controller, Get, Inject } from '@nestjs/common';
import { Page } from '../pages/page.decorator.js';
import { CatalogueService } from './catalogue.service.js';

@Controller('catalogue')
export class CatalogueController {
  constructor(@Inject(CatalogueService) private readonly catalogue: CatalogueService) {}

  @Get()
  @Page('catalogue')
  show() {
    const { catalogue } = this;
    const groups = catalogue.suppliers.map((supplier) => ({ supplier, products: catalogue.productsOf(supplier.id) }));
    return { title: 'Catalogue', groups };
  }
}
