import eslint from '@eslint/js';
import jsdoc from 'eslint-plugin-jsdoc';
import tseslint from 'typescript-eslint';

/** Tags of doc comments beside TSDoc's own; the same list as in tsdoc.json. */
const OWN_TAGS = ['unit', 'range', 'errorCode', 'source', 'defaultValue', 'remarks', 'typeParam', 'privateRemarks'];

/** What a peer does not promise. */
const NO_DEEP_IMPORTS = {
  group: ['@nestjs/*/*', 'ioredis/*', 'express-session/*', 'rxjs/*', '!@nestjs/common', '!@nestjs/core'],
  message: "Import a peer by its name only: its inner files are nobody's promise.",
};

export default tseslint.config(
  {
    ignores: [
      'dist/',
      'coverage/',
      '**/node_modules/',
      '**/*.generated.ts',
      '**/dist/',
      'test/types/fixtures/',
      'test/matrix/consumer/',
    ],
  },
  eslint.configs.recommended,
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      // Nest's modules, controllers and fixtures are classes that only carry decorators.
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
      // express-session's contract, and ours: a callback or, without one, a promise.
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { inheritedMethods: false } }],
      '@typescript-eslint/no-invalid-void-type': 'off',
      // It also says that errors arrive unchanged, whatever was thrown.
      '@typescript-eslint/prefer-promise-reject-errors': ['error', { allowThrowingUnknown: true }],
      '@typescript-eslint/only-throw-error': ['error', { allowThrowingUnknown: true }],
      // Nest's options and express-session's cookies are classes that everybody writes as literals.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      // It asks for the `!` that no-non-null-assertion forbids.
      '@typescript-eslint/non-nullable-type-assertion-style': 'off',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
    },
  },
  {
    files: ['lib/**/*.ts'],
    plugins: { jsdoc },
    settings: { jsdoc: { mode: 'typescript', tagNamePreference: { typeparam: 'typeParam' } } },
    rules: {
      'max-lines': ['error', { max: 300 }],
      'no-console': 'error',
      'no-restricted-imports': ['error', { patterns: [NO_DEEP_IMPORTS] }],
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'exit', message: 'A library does not end its host.' },
      ],
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportAllDeclaration', message: 'Name what is exported.' },
        { selector: 'ExportDefaultDeclaration', message: 'Export by name.' },
        {
          selector:
            'Program > VariableDeclaration[kind="let"], Program > ExportNamedDeclaration > VariableDeclaration[kind="let"]',
          message: 'No mutable module state: two installations may share this process.',
        },
        {
          selector:
            'Program > VariableDeclaration > VariableDeclarator > NewExpression[callee.name=/^(Weak)?(Map|Set)$/][arguments.length=0]',
          message: 'No mutable module state: two installations may share this process.',
        },
        {
          selector:
            'ClassDeclaration:has(> Decorator[expression.callee.name=/^(Injectable|Module|Controller|Catch)$/]) > ClassBody > MethodDefinition[kind="constructor"] > FunctionExpression > .params[decorators.length=0]',
          message: 'Give the parameter an explicit @Inject(TOKEN): bundlers and swc need not emit metadata.',
        },
        {
          selector: 'TSModuleDeclaration[id.value="ioredis"]',
          message: 'Do not change the types of a peer for everybody.',
        },
        {
          selector: 'AssignmentExpression > MemberExpression.left[object.property.name="prototype"]',
          message: 'Do not patch foreign classes.',
        },
      ],
      'jsdoc/require-jsdoc': [
        'error',
        {
          publicOnly: { esm: true, cjs: false, window: false },
          require: {
            ClassDeclaration: true,
            FunctionDeclaration: true,
            ArrowFunctionExpression: true,
            FunctionExpression: true,
          },
          contexts: [
            'TSInterfaceDeclaration',
            'TSTypeAliasDeclaration',
            'TSEnumDeclaration',
            'ExportNamedDeclaration > VariableDeclaration',
          ],
          checkConstructors: false,
        },
      ],
      'jsdoc/require-description': [
        'error',
        { contexts: ['any'], exemptedBy: ['internal', 'inheritDoc', 'defaultValue', 'unit', 'returns', 'param'] },
      ],
      'jsdoc/check-param-names': ['error', { checkDestructured: false, disableMissingParamChecks: true }],
      'jsdoc/check-tag-names': ['error', { definedTags: OWN_TAGS }],
      'jsdoc/check-alignment': 'error',
      'jsdoc/empty-tags': ['error', { tags: ['public', 'internal'] }],
      'jsdoc/informative-docs': 'error',
      'jsdoc/no-types': 'error',
      'jsdoc/no-bad-blocks': 'error',
      'jsdoc/no-blank-block-descriptions': 'error',
      'jsdoc/require-throws': [
        'error',
        { contexts: ['ExportNamedDeclaration > FunctionDeclaration'], exemptedBy: ['internal', 'inheritDoc'] },
      ],
    },
  },
  {
    files: ['test/**/*.ts', 'tools/**/*.ts', 'sample/**/*.ts', 'bench/**/*.ts'],
    rules: {
      // supertest's bodies and child processes' messages are untyped by nature; lib has no such excuse.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/unbound-method': 'off',
      // A flag that another task sets looks constant to the compiler.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/require-await': 'off',
    },
  },
  {
    // Its dependencies are its own and need not be installed here.
    files: ['bench/**/*.ts'],
    extends: [tseslint.configs.disableTypeChecked],
  },
  {
    files: ['**/*.mjs', '**/*.cjs', '**/*.js'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: {
      globals: {
        console: 'readonly',
        process: 'readonly',
        URL: 'readonly',
        setTimeout: 'readonly',
        clearTimeout: 'readonly',
        Buffer: 'readonly',
        module: 'writable',
        document: 'readonly',
        window: 'readonly',
        fetch: 'readonly',
      },
    },
    rules: { 'no-undef': 'error' },
  },
  {
    // What runs in the browser.
    files: ['sample/*/public/**/*.js'],
    languageOptions: {
      globals: {
        localStorage: 'readonly',
        location: 'readonly',
        navigator: 'readonly',
        performance: 'readonly',
        sessionStorage: 'readonly',
        setInterval: 'readonly',
      },
    },
  },
);
