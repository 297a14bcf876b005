// Prints where Ruby keeps what a Ruby stack needs, from the structures that
// github.com/rbspy/rbspy generates with bindgen from Ruby's own headers:
//
//	RUBY_STRUCTS=ruby-structs/src/ruby_3_4_0.rs rustc --cfg ractor --cfg insns_struct probe/ruby.rs
//
// with cfg ractor for 3.0 and later, insns_struct for 2.6 and later, and
// string_len for 3.3 and later.

#[allow(warnings)]
mod ruby {
    include!(env!("RUBY_STRUCTS"));
}

use ruby::*;
use std::mem::{offset_of, size_of};

macro_rules! field {
    ($type:ty, $($field:tt)+) => {
        println!("{}.{} {}", stringify!($type), stringify!($($field)+).replace(' ', ""), offset_of!($type, $($field)+))
    };
}

macro_rules! size {
    ($type:ty) => {
        println!("sizeof({}) {}", stringify!($type), size_of::<$type>())
    };
}

fn main() {
    #[cfg(ractor)]
    {
        field!(rb_vm_struct, ractor.main_ractor);
        field!(rb_vm_struct, ractor.main_thread);
        field!(rb_ractor_struct, threads.running_ec);
        field!(rb_ractor_struct, threads.set);
        field!(rb_thread_struct, lt_node);
    }
    #[cfg(not(ractor))]
    {
        field!(rb_vm_struct, main_thread);
        field!(rb_vm_struct, living_threads);
        field!(rb_thread_struct, vmlt_node);
    }
    field!(rb_thread_struct, vm);
    field!(rb_thread_struct, ec);
    field!(rb_execution_context_struct, vm_stack);
    field!(rb_execution_context_struct, vm_stack_size);
    field!(rb_execution_context_struct, cfp);
    field!(rb_execution_context_struct, thread_ptr);
    size!(rb_control_frame_struct);
    field!(rb_control_frame_struct, pc);
    field!(rb_control_frame_struct, iseq);
    field!(rb_control_frame_struct, ep);
    field!(rb_iseq_struct, body);
    field!(rb_iseq_constant_body, iseq_size);
    field!(rb_iseq_constant_body, iseq_encoded);
    field!(rb_iseq_constant_body, location.pathobj);
    field!(rb_iseq_constant_body, location.label);
    #[cfg(insns_struct)]
    {
        field!(rb_iseq_constant_body, insns_info.body);
        field!(rb_iseq_constant_body, insns_info.size);
        field!(rb_iseq_constant_body, insns_info.succ_index_table);
    }
    #[cfg(not(insns_struct))]
    {
        field!(rb_iseq_constant_body, insns_info);
        field!(rb_iseq_constant_body, insns_info_size);
        field!(iseq_insn_info_entry, position);
    }
    size!(iseq_insn_info_entry);
    field!(iseq_insn_info_entry, line_no);
    field!(RString, as_);
}
