package php

// A layout is what differs between the versions, in bytes from the start of
// each structure.
type layout struct {
	currentExecuteData uint64 // zend_executor_globals
	fileName           uint64 // zend_op_array
	lineStart          uint64 // and the last line after it
}

// What has not changed since 7.3 (slowlog/internal/offgen checks it).
const (
	executeOpline = 0 // zend_execute_data
	executeFunc   = 24
	executeInfo   = 40 // This.u1.type_info
	executePrev   = 48

	funcType  = 0 // zend_function
	funcName  = 8
	funcScope = 16

	className = 8 // zend_class_entry

	stringType = 4 // zend_string: the type in its zend_refcounted_h
	stringLen  = 16
	stringVal  = 24

	oplineLine = 24 // zend_op

	requestMethod     = 8 // sapi_globals.request_info
	requestTranslated = 40
	requestURI        = 48

	moduleDebug   = 8 // zend_module_entry
	moduleZTS     = 9
	moduleName    = 32
	moduleVersion = 88

	tableData  = 16 // HashTable
	tableUsed  = 24
	bucketSize = 32
)

// The kinds of functions.
const (
	internalFunction = 1
	userFunction     = 2
	evalCode         = 4
)

const (
	callTop    = 1 << 17 // ZEND_CALL_TOP: called from C, not from PHP
	typeMask   = 15
	typeString = 6 // IS_STRING
)
