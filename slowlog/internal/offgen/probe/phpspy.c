/* Prints the same for versions whose headers are not at hand, from the packed
   structures of github.com/adsr/phpspy. Compile with
   -I structs/x86_64 -D V=73 -D HEADER='"php_structs_73.h"' */
#include <stddef.h>
#include <stdio.h>
#include HEADER

#define PASTE(a, b) a##_##b
#define TYPE(name, v) PASTE(name, v) /* expands V first */
#define FIELD(type, field) printf("%s.%s %zu\n", #type, #field, offsetof(TYPE(type, V), field))

int main(void) {
	FIELD(zend_executor_globals, current_execute_data);
	FIELD(zend_execute_data, opline);
	FIELD(zend_execute_data, func);
	FIELD(zend_execute_data, prev_execute_data);
	FIELD(zend_function, type);
	FIELD(zend_function, common.function_name);
	FIELD(zend_function, common.scope);
	FIELD(zend_function, op_array.filename);
	FIELD(zend_function, op_array.line_start);
	FIELD(zend_class_entry, name);
	FIELD(zend_string, len);
	FIELD(zend_string, val);
	FIELD(zend_op, lineno);
	FIELD(sapi_globals_struct, request_info.path_translated);
	FIELD(sapi_globals_struct, request_info.request_uri);
	return 0;
}
