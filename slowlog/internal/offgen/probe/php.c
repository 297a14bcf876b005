/* Prints where PHP keeps what a PHP stack needs. Compile against the headers
   of a non-debug, non-ZTS build: $(php-config --includes) */
#include "php.h"
#include "SAPI.h"
#include <stddef.h>
#include <stdio.h>

#define FIELD(type, field) printf("%s.%s %zu\n", #type, #field, offsetof(type, field))
#define SIZE(type) printf("sizeof(%s) %zu\n", #type, sizeof(type))

int main(void) {
#if defined(ZTS) || ZEND_DEBUG
#error "these are the headers of a ZTS or a debug build"
#endif
	FIELD(zend_executor_globals, current_execute_data);
	SIZE(zend_executor_globals);
	FIELD(zend_execute_data, opline);
	FIELD(zend_execute_data, func);
	FIELD(zend_execute_data, This.u1.type_info);
	FIELD(zend_execute_data, prev_execute_data);
	FIELD(zend_function, type);
	FIELD(zend_function, common.function_name);
	FIELD(zend_function, common.scope);
	FIELD(zend_function, op_array.filename);
	FIELD(zend_function, op_array.line_start);
	FIELD(zend_function, op_array.line_end);
	FIELD(zend_class_entry, type);
	FIELD(zend_class_entry, name);
	FIELD(zend_string, len);
	FIELD(zend_string, val);
	FIELD(zend_op, lineno);
	SIZE(zend_op);
	FIELD(sapi_globals_struct, request_info.request_method);
	FIELD(sapi_globals_struct, request_info.path_translated);
	FIELD(sapi_globals_struct, request_info.request_uri);
	FIELD(zend_module_entry, zend_api);
	FIELD(zend_module_entry, zend_debug);
	FIELD(zend_module_entry, zts);
	FIELD(zend_module_entry, name);
	FIELD(zend_module_entry, version);
	FIELD(HashTable, arData);
	FIELD(HashTable, nNumUsed);
	SIZE(Bucket);
	printf("ZEND_USER_FUNCTION %d\n", ZEND_USER_FUNCTION);
	printf("ZEND_INTERNAL_FUNCTION %d\n", ZEND_INTERNAL_FUNCTION);
	printf("ZEND_EVAL_CODE %d\n", ZEND_EVAL_CODE);
	printf("ZEND_CALL_TOP %u\n", (unsigned)ZEND_CALL_TOP);
	printf("ZEND_CALL_CODE %u\n", (unsigned)ZEND_CALL_CODE);
	printf("ZEND_CALL_TOP_CODE %u\n", (unsigned)ZEND_CALL_TOP_CODE);
	return 0;
}
