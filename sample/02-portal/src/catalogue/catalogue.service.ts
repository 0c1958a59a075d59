import { Injectable } from '@nestjs/common';

export interface Supplier {
  readonly id: string;
  readonly name: string;
  readonly city: string;
  readonly field: string;
}

export interface Product {
  readonly sku: string;
  readonly supplierId: string;
  readonly name: string;
  readonly unit: string;
  /** In cents. */
  readonly price: number;
}

const SUPPLIERS: readonly Supplier[] = [
  { id: 'nordbolt', name: 'Nordbolt AB', city: 'Gothenburg', field: 'Fasteners and tools' },
  { id: 'helio', name: 'Helio Lighting', city: 'Eindhoven', field: 'Lamps and electrics' },
  { id: 'clarus', name: 'Clarus Lab', city: 'Basel', field: 'Laboratory supplies' },
];

const PRODUCTS: readonly Product[] = [
  { sku: 'NB-1008', supplierId: 'nordbolt', name: 'Hex bolts M8 × 40, stainless', unit: 'box of 200', price: 4150 },
  { sku: 'NB-2210', supplierId: 'nordbolt', name: 'Torque wrench 10–60 Nm', unit: 'piece', price: 12900 },
  { sku: 'NB-3301', supplierId: 'nordbolt', name: 'Cut-resistant gloves', unit: 'pack of 12', price: 6840 },
  { sku: 'HL-0450', supplierId: 'helio', name: 'LED panel 60 × 60, 4000 K', unit: 'piece', price: 5490 },
  { sku: 'HL-0720', supplierId: 'helio', name: 'Emergency exit light', unit: 'piece', price: 7325 },
  { sku: 'HL-1180', supplierId: 'helio', name: 'Cable H07RN-F 3 × 2.5', unit: '50 m drum', price: 9980 },
  { sku: 'CL-0110', supplierId: 'clarus', name: 'Pipette tips 200 µl, sterile', unit: 'rack of 960', price: 8760 },
  { sku: 'CL-0205', supplierId: 'clarus', name: 'Buffer solution pH 7.00', unit: '6 × 500 ml', price: 5235 },
  { sku: 'CL-0309', supplierId: 'clarus', name: 'Nitrile gloves, powder-free', unit: 'carton of 1000', price: 6190 },
];

/** Stands for the catalogue that the company's service bus would serve. */
@Injectable()
export class CatalogueService {
  readonly suppliers = SUPPLIERS;
  readonly products = PRODUCTS;

  supplier(id: string): Supplier | undefined {
    return SUPPLIERS.find((supplier) => supplier.id === id);
  }

  product(sku: string): Product | undefined {
    return PRODUCTS.find((product) => product.sku === sku);
  }

  productsOf(supplierId: string): Product[] {
    return PRODUCTS.filter((product) => product.supplierId === supplierId);
  }
}
