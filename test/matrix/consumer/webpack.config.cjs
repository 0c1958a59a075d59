/** Everything in one file, but for packages that Nest loads only where they are used. */
const OPTIONAL = [
  '@nestjs/microservices',
  '@nestjs/websockets',
  '@nestjs/platform-fastify',
  '@nestjs/platform-socket.io',
  'class-transformer',
  'class-validator',
  '@grpc/grpc-js',
  '@grpc/proto-loader',
];

module.exports = {
  mode: 'production',
  target: 'node20',
  entry: './app.ts',
  output: { path: __dirname, filename: 'bundle.js' },
  resolve: { extensions: ['.ts', '.js'] },
  // Nest finds classes by their names.
  optimization: { minimize: false },
  externals: [
    ({ request }, done) => {
      const isOptional = OPTIONAL.some((name) => request === name || request.startsWith(`${name}/`));
      if (isOptional) done(null, `commonjs ${request}`);
      else done();
    },
  ],
  // Nest asks for optional packages by names that are known only at run time.
  ignoreWarnings: [/Critical dependency|Can't resolve/],
  module: {
    rules: [
      {
        test: /\.ts$/,
        loader: 'swc-loader',
        options: {
          jsc: {
            target: 'es2022',
            parser: { syntax: 'typescript', decorators: true },
            transform: { legacyDecorator: true, decoratorMetadata: true },
          },
          module: { type: 'es6', ignoreDynamic: true },
        },
      },
    ],
  },
};
